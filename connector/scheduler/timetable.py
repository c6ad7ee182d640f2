"""Which orchestrations wait, run, or have nothing to do: every step is told what time it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connector.config.schedule import Schedule
from connector.ledger.schedules import ScheduleRecord, Stand
from connector.scheduler.due import next_due

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
"""A run that was killed is begun again after a minute, and later each time that it happens again."""


class Timetable:
    """The automatic orchestrations of one target, each at most once at a time.

    However many times an orchestration was due while it ran, or while nobody looked, it is started once for them.
    """

    def __init__(self, known: Iterable[ScheduleRecord]) -> None:
        self._records = {record.orchestration: record for record in known}
        self._schedules: Mapping[str, Schedule] = {}
        self._kills: dict[str, int] = {}
        self._again: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[ScheduleRecord]:
        return iter(list(self._records.values()))

    def get(self, name: str) -> ScheduleRecord | None:
        """Where an orchestration stands; None where it is not automatic."""
        return self._records.get(name)

    def standing(self, stand: Stand) -> list[ScheduleRecord]:
        """Those that stand so, in the order in which they were due."""
        found = [record for record in self._records.values() if record.stand is stand]
        return sorted(found, key=lambda record: (record.due_at or record.handled_until, record.orchestration))

    def take(self, schedules: Mapping[str, Schedule], now: datetime) -> list[str]:
        """Goes by these schedules from now on; gives the names of those that are automatic no more.

        One that is new, or whose schedule is another one now, is first due after `now`.
        """
        gone = [name for name in self._records if name not in schedules]
        for name in gone:
            del self._records[name]
            self._forgive(name)
        self._schedules = dict(schedules)
        for name, schedule in schedules.items():
            self._records[name] = _taken(self._records.get(name), name, str(schedule), now)
        return gone

    def look(self, now: datetime, completed: Mapping[str, datetime]) -> None:
        """Has those wait that are due; `completed` says when which orchestration last completed."""
        for record in self.standing(Stand.IDLE):
            due = self.next_due(record.orchestration, completed)
            if due is not None and due <= now:
                self._put(replace(record, stand=Stand.WAITING, due_at=due))

    def next_due(self, name: str, completed: Mapping[str, datetime]) -> datetime | None:
        """When an orchestration is due next, or has been due since; None where that is not known."""
        schedule, record = self._schedules[name], self._records[name]
        regular = next_due(schedule, record.handled_until, completed.get(schedule.after or ""))
        return min((due for due in (regular, self._again.get(name)) if due is not None), default=None)

    def start(self, name: str, now: datetime) -> ScheduleRecord:
        """An orchestration that waits runs from now on: what was due until now is dealt with."""
        record = self._records[name]
        handled = max(now, record.due_at or now)
        self._again.pop(name, None)
        return self._put(replace(record, stand=Stand.RUNNING, handled_until=handled, started_at=now))

    def end(self, name: str) -> ScheduleRecord | None:
        """The run has ended, well or not: the next begins when it is due."""
        self._forgive(name)
        return self._idle(name)

    def kill(self, name: str, now: datetime) -> datetime:
        """The run was killed: it goes on after a while; gives when."""
        times = self._kills[name] = self._kills.get(name, 0) + 1
        self._again[name] = now + min(FIRST_PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
        self._idle(name)
        return self._again[name]

    def wait(self, name: str) -> ScheduleRecord:
        """What an earlier process started did not reach its end: it is due again."""
        return self._put(replace(self._records[name], stand=Stand.WAITING))

    def _idle(self, name: str) -> ScheduleRecord | None:
        record = self._records.get(name)
        return self._put(replace(record, stand=Stand.IDLE, due_at=None, started_at=None)) if record else None

    def _forgive(self, name: str) -> None:
        self._kills.pop(name, None)
        self._again.pop(name, None)

    def _put(self, record: ScheduleRecord) -> ScheduleRecord:
        self._records[record.orchestration] = record
        return record


def _taken(known: ScheduleRecord | None, name: str, schedule: str, now: datetime) -> ScheduleRecord:
    if known is None:
        return ScheduleRecord(name, schedule, now)
    return known if known.schedule == schedule else replace(known, schedule=schedule, handled_until=now)
