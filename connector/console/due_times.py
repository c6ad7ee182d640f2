"""When orchestrations are due."""

from datetime import datetime, timedelta
from functools import lru_cache

from connector.config.project import Project
from connector.config.schedule import Schedule

MOST_TIMES = 200
"""The most due times of an orchestration that a page draws."""


def next_due_time(project: Project, name: str, now: datetime) -> datetime | None:
    """Return when an automatic orchestration is due next; None if another one decides that."""
    times = due_times(project, name, now, now + timedelta(days=366), most=1)
    return times[0] if times else None


def due_times(project: Project, name: str, begin: datetime, end: datetime, most: int = MOST_TIMES) -> list[datetime]:
    """Return the due times of an orchestration from `begin` to `end`. Raises ConfigurationError."""
    schedule = project.orchestration(name).schedule
    return list(_times(schedule, begin.replace(second=0, microsecond=0), end, most)) if schedule else []


@lru_cache(maxsize=512)
def _times(schedule: Schedule, begin: datetime, end: datetime, most: int) -> tuple[datetime, ...]:
    from connector.scheduler.schedule_tracker import next_due

    times: list[datetime] = []
    after = begin
    while len(times) < most and (due := next_due(schedule, after)) is not None and due <= end:
        times.append(due)
        after = due
    return tuple(times)
