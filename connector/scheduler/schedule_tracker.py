"""When orchestrations are due, and which of them wait or run: a state machine to which the time is passed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.config.dbt import DBT
from connector.config.schedule import Schedule
from connector.ledger.orchestrations import ScheduleRecord, ScheduleState
from connector.scheduler.cron import next_cron_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_due(schedule: Schedule, after: datetime, completed: datetime | None = None) -> datetime | None:
    """Return the first due time later than `after`, in UTC; None if none is known.

    `every` counts from midnight UTC of 1 January 1970, so that 15m is at :00, :15, :30 and :45 whenever it was
    started. An orchestration that follows another is due when that one `completed`.
    """
    if schedule.cron:
        return next_cron_time(schedule.cron, schedule.timezone, after)
    if schedule.interval:
        return _EPOCH + ((after - _EPOCH) // schedule.interval + 1) * schedule.interval
    return completed if completed is not None and completed > after else None


def builds_of(name: str) -> str:
    """Return the key of dbt's builds for an orchestration, which no name of an orchestration is."""
    return f"{DBT}/{name}"


FIRST_RETRY_DELAY = timedelta(minutes=1)
MAX_RETRY_DELAY = timedelta(hours=1)
"""A run that was killed is started again after a minute, and after twice the delay each further time."""


class ScheduleTracker:
    """The automatic orchestrations of one target, each running at most once at a time.

    However often an orchestration was due while it ran, or while no process was there, it is started once for all.
    """

    def __init__(self, previous: Iterable[ScheduleRecord]) -> None:
        self._records = {record.orchestration: record for record in previous}
        self._schedules: Mapping[str, Schedule] = {}
        self._kills: dict[str, int] = {}
        self._retry_at: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[ScheduleRecord]:
        return iter(list(self._records.values()))

    def get(self, name: str) -> ScheduleRecord | None:
        """Return the record of an orchestration; None if it is not automatic."""
        return self._records.get(name)

    def in_state(self, state: ScheduleState) -> list[ScheduleRecord]:
        """Return the records in a state, in the order in which they were due."""
        records = [record for record in self._records.values() if record.state is state]
        return sorted(records, key=lambda record: (record.due_at or record.handled_until, record.orchestration))

    def replace_schedules(self, schedules: Mapping[str, Schedule], now: datetime) -> list[str]:
        """Replace the schedules and return the names that were removed.

        An orchestration that is new, or has another schedule, is first due after `now`.
        """
        removed = [name for name in self._records if name not in schedules]
        for name in removed:
            del self._records[name]
            self._clear_retries(name)
        self._schedules = dict(schedules)
        for name, schedule in schedules.items():
            self._records[name] = _updated_record(self._records.get(name), name, str(schedule), now)
        return removed

    def mark_due(self, now: datetime, completed: Mapping[str, datetime]) -> None:
        """Mark due orchestrations as waiting; `completed` is when each orchestration, or dbt, last completed."""
        for record in self.in_state(ScheduleState.IDLE):
            due = self.next_due(record.orchestration, completed)
            if due is not None and due <= now:
                self._store(replace(record, state=ScheduleState.WAITING, due_at=due))

    def skip_due(self, now: datetime, names: Collection[str]) -> None:
        """Skip what is due of these orchestrations, except a run that an earlier process did not finish."""
        for record in self.in_state(ScheduleState.WAITING):
            if record.orchestration in names and record.started_at is None:
                self._clear_retries(record.orchestration)
                handled = max(now, record.due_at or now)
                self._store(replace(record, state=ScheduleState.IDLE, due_at=None, handled_until=handled))

    def next_due(self, name: str, completed: Mapping[str, datetime]) -> datetime | None:
        """Return when an orchestration is due next, or has been due since; None if unknown."""
        schedule, record = self._schedules[name], self._records[name]
        followed = builds_of(name) if schedule.after == DBT else schedule.after or ""
        scheduled = next_due(schedule, record.handled_until, completed.get(followed))
        return min((due for due in (scheduled, self._retry_at.get(name)) if due is not None), default=None)

    def start(self, name: str, now: datetime) -> ScheduleRecord:
        """Mark a waiting orchestration as running, which handles everything due until now."""
        record = self._records[name]
        handled = max(now, record.due_at or now)
        self._retry_at.pop(name, None)
        return self._store(replace(record, state=ScheduleState.RUNNING, handled_until=handled, started_at=now))

    def finish(self, name: str) -> ScheduleRecord | None:
        """Mark a run as ended, well or not: the next one starts when it is due."""
        self._clear_retries(name)
        return self._set_idle(name)

    def record_kill(self, name: str, now: datetime) -> datetime:
        """Record that a run was killed, and return when it resumes."""
        kills = self._kills[name] = self._kills.get(name, 0) + 1
        self._retry_at[name] = now + min(FIRST_RETRY_DELAY * 2 ** (kills - 1), MAX_RETRY_DELAY)
        self._set_idle(name)
        return self._retry_at[name]

    def requeue(self, name: str) -> ScheduleRecord:
        """Mark a run that an earlier process did not finish as waiting again."""
        return self._store(replace(self._records[name], state=ScheduleState.WAITING))

    def _set_idle(self, name: str) -> ScheduleRecord | None:
        record = self._records.get(name)
        return self._store(replace(record, state=ScheduleState.IDLE, due_at=None, started_at=None)) if record else None

    def _clear_retries(self, name: str) -> None:
        self._kills.pop(name, None)
        self._retry_at.pop(name, None)

    def _store(self, record: ScheduleRecord) -> ScheduleRecord:
        self._records[record.orchestration] = record
        return record


def _updated_record(previous: ScheduleRecord | None, name: str, schedule: str, now: datetime) -> ScheduleRecord:
    if previous is None:
        return ScheduleRecord(name, schedule, now)
    return previous if previous.schedule == schedule else replace(previous, schedule=schedule, handled_until=now)
