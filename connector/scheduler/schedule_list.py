"""The schedules of a project: list them, pause and unpause them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.config.project import Project
from connector.errors import ConfigurationError, UsageError
from connector.ledger.project_ledger import ledger_of
from connector.ledger.views.schedules import ScheduleStatus, list_schedules
from connector.privacy.access import check_access
from connector.scheduler.journal import format_time
from connector.scheduler.schedule_tracker import next_due


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    """The schedule of an automatic orchestration."""

    orchestration: str
    """The name of the orchestration."""
    schedule: str | None
    """The schedule in words; None if the orchestration is not valid."""
    next_due: datetime | None
    """When it is due next; None if that is not known, as for one that follows another."""
    status: ScheduleStatus | None
    """Its state in the ledger; None if `connector start` never read it, and it is not paused."""

    @property
    def is_paused(self) -> bool:
        """True if `connector start` does not start it."""
        return self.status is not None and self.status.paused_since is not None

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector schedule --json` prints for it."""
        return {
            "orchestration": self.orchestration,
            "schedule": self.schedule,
            "next_due": format_time(self.next_due) if self.next_due else None,
            "state": self.status.state if self.status else None,
            "paused_since": self.status.paused_since if self.status else None,
            "paused_by": self.status.paused_by if self.status else None,
        }


def list_project_schedules(project: Project, now: datetime | None = None) -> list[ListedSchedule]:
    """Return the schedules of the automatic orchestrations, in the order of the file."""
    with ledger_of(project) as ledger, ledger.database.reading() as connection:
        statuses = {status.orchestration: status for status in list_schedules(connection, project.target)}
    moment = now or datetime.now(UTC)
    names = [name for name in project.orchestrations if project.is_automatic(name)]
    return [_listed(project, name, statuses, moment) for name in names]


def pause_schedule(project: Project, name: str) -> bool:
    """Pause the schedule of an orchestration; return False if it is paused already.

    Raises ConfigurationError if there is no such orchestration, UsageError if it is manual, AccessRefused.
    """
    if not project.is_automatic(name):
        raise UsageError(f"{name} is manual under the target {project.target}: it has no schedule to pause.")
    grant = check_access(project, "pause", name)
    with ledger_of(project) as ledger:
        grant.record(ledger)
        return ledger.pauses.add(name, project.target, project.user)


def unpause_schedule(project: Project, name: str) -> bool:
    """End the pause of a schedule; return False if it is not paused. Raises ConfigurationError, AccessRefused."""
    grant = check_access(project, "unpause", name)
    with ledger_of(project) as ledger:
        grant.record(ledger)
        return ledger.pauses.delete(name, project.target)


def _listed(project: Project, name: str, statuses: Mapping[str, ScheduleStatus], now: datetime) -> ListedSchedule:
    status = statuses.get(name)
    try:
        schedule: Any = project.orchestration(name).schedule
    except ConfigurationError:
        schedule = None
    due = next_due(schedule, now) if schedule is not None else None
    return ListedSchedule(name, str(schedule) if schedule is not None else None, due, status)
