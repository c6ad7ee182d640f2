"""What is known of automatic orchestrations from one `connector start` to the next."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, delete, func, insert, select

from connector.core.outcomes import RunStatus
from connector.ledger.database import Database
from connector.ledger.runs import REACHED_THEIR_END, as_text
from connector.ledger.tables import runs, schedules


class ScheduleState(StrEnum):
    """How far an automatic orchestration is."""

    IDLE = "idle"
    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """Where an orchestration stands under its target. `schedule` is the schedule in words, all times are UTC.

    Whatever was due until `handled_until` has been started; `due_at` is the due time of what waits or runs.
    """

    orchestration: str
    schedule: str
    handled_until: datetime
    state: ScheduleState = ScheduleState.IDLE
    due_at: datetime | None = None
    started_at: datetime | None = None


class Schedules:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, target: str) -> list[ScheduleRecord]:
        """What is known under a target."""
        with self._database.reading() as connection:
            found = connection.execute(select(schedules).where(schedules.c.target == target))
            return [_record(row) for row in found.all()]

    def write(self, target: str, record: ScheduleRecord) -> None:
        """Keeps where an orchestration stands now."""
        mine = (schedules.c.orchestration == record.orchestration) & (schedules.c.target == target)
        with self._database.writing() as connection:
            connection.execute(delete(schedules).where(mine))
            connection.execute(
                insert(schedules).values(
                    orchestration=record.orchestration,
                    target=target,
                    schedule=record.schedule,
                    handled_until=as_text(record.handled_until),
                    state=record.state,
                    due_at=as_text(record.due_at) if record.due_at else None,
                    started_at=as_text(record.started_at) if record.started_at else None,
                )
            )

    def forget(self, target: str, orchestration: str) -> None:
        """An orchestration is automatic no more: what will be due is counted anew if it ever is again."""
        mine = (schedules.c.orchestration == orchestration) & (schedules.c.target == target)
        with self._database.writing() as connection:
            connection.execute(delete(schedules).where(mine))

    def reached_an_end(self, target: str, orchestration: str, since: datetime) -> bool:
        """Whether a run of an orchestration that began after `since` has ended by itself, well or not."""
        ends = (*REACHED_THEIR_END, RunStatus.FAILED)
        query = (
            select(runs.c.run_id)
            .where(runs.c.target == target, runs.c.orchestration == orchestration)
            .where(runs.c.started_at >= as_text(since), runs.c.status.in_(ends))
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.execute(query).one_or_none() is not None

    def completed(self, target: str) -> dict[str, datetime]:
        """When a run of each orchestration last completed; runs that only tried something again do not count."""
        query = (
            select(runs.c.orchestration, func.max(runs.c.finished_at))
            .where(runs.c.target == target, runs.c.retry_of.is_(None), runs.c.status.in_(REACHED_THEIR_END))
            .where(runs.c.finished_at.is_not(None))
            .group_by(runs.c.orchestration)
        )
        with self._database.reading() as connection:
            return {name: datetime.fromisoformat(moment) for name, moment in connection.execute(query).all()}


def _record(row: Row[tuple[object, ...]]) -> ScheduleRecord:
    return ScheduleRecord(
        orchestration=row.orchestration,
        schedule=row.schedule,
        handled_until=datetime.fromisoformat(row.handled_until),
        state=ScheduleState(row.state),
        due_at=datetime.fromisoformat(row.due_at) if row.due_at else None,
        started_at=datetime.fromisoformat(row.started_at) if row.started_at else None,
    )
