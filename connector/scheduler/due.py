"""When an orchestration is due, of its schedule and the time alone."""

from datetime import UTC, datetime

from connector.config.schedule import Schedule
from connector.scheduler.cron import next_by_cron

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def next_due(schedule: Schedule, after: datetime, completed: datetime | None = None) -> datetime | None:
    """The first due time later than `after`, in UTC; None where none is known.

    `every` counts from midnight UTC of 1 January 1970, so that 15m is at :00, :15, :30 and :45 whenever it was
    started. What follows another orchestration is due when that one `completed`, as far as it has.
    """
    if schedule.cron:
        return next_by_cron(schedule.cron, schedule.timezone, after)
    if schedule.interval:
        return _BEGINNING + ((after - _BEGINNING) // schedule.interval + 1) * schedule.interval
    return completed if completed is not None and completed > after else None
