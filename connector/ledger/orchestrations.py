"""The state of orchestrations between runs: schedules, and failures that are still open."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Row, delete, func, insert, select

from connector.core.outcomes import RunStatus
from connector.ledger.database import Database, as_text
from connector.ledger.runs import COMPLETED
from connector.ledger.tables import failing, pauses, runs, schedules


class ScheduleState(StrEnum):
    """The state of an automatic orchestration."""

    IDLE = "idle"
    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """The schedule of an orchestration under its target, and its state. All times are UTC."""

    orchestration: str
    """The name of the orchestration."""
    schedule: str
    """The schedule in words."""
    handled_until: datetime
    """Everything that was due until this time has been started."""
    state: ScheduleState = ScheduleState.IDLE
    """The present state."""
    due_at: datetime | None = None
    """The due time of the waiting or running execution."""
    started_at: datetime | None = None
    """The start of the running execution."""


class Schedules:
    """The table of schedules. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, target: str) -> list[ScheduleRecord]:
        """Return the schedules under a target."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schedules).where(schedules.c.target == target))
            return [_record(row) for row in rows.all()]

    def write(self, target: str, record: ScheduleRecord) -> None:
        """Replace the record of an orchestration."""
        is_same = (schedules.c.orchestration == record.orchestration) & (schedules.c.target == target)
        with self._database.writing() as connection:
            connection.execute(delete(schedules).where(is_same))
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

    def delete(self, target: str, orchestration: str) -> None:
        """Delete the record of an orchestration that is not automatic any more, so that its due times start afresh."""
        is_same = (schedules.c.orchestration == orchestration) & (schedules.c.target == target)
        with self._database.writing() as connection:
            connection.execute(delete(schedules).where(is_same))

    def has_ended(self, target: str, orchestration: str, since: datetime) -> bool:
        """Return whether a run of an orchestration that started at or after `since` has completed or failed."""
        ends = (*COMPLETED, RunStatus.FAILED)
        query = (
            select(runs.c.run_id)
            .where(runs.c.target == target, runs.c.orchestration == orchestration)
            .where(runs.c.started_at >= as_text(since), runs.c.status.in_(ends))
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.execute(query).one_or_none() is not None

    def completed(self, target: str) -> dict[str, datetime]:
        """Return the end of the last completed run of each orchestration; retries do not count."""
        query = (
            select(runs.c.orchestration, func.max(runs.c.finished_at))
            .where(runs.c.target == target, runs.c.retry_of.is_(None), runs.c.status.in_(COMPLETED))
            .where(runs.c.finished_at.is_not(None))
            .group_by(runs.c.orchestration)
        )
        with self._database.reading() as connection:
            return {name: datetime.fromisoformat(moment) for name, moment in connection.execute(query).all()}


class OpenFailures:
    """The table of open failures. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failed(self, orchestration: str, target: str, run_id: str | None) -> None:
        """Record that an orchestration has failed; the first failure stays until it completes."""
        is_same = (failing.c.orchestration == orchestration) & (failing.c.target == target)
        with self._database.writing() as connection:
            if connection.execute(select(failing.c.since).where(is_same)).one_or_none():
                return
            entry = {"orchestration": orchestration, "target": target, "run_id": run_id}
            connection.execute(insert(failing).values(**entry, since=as_text(datetime.now(UTC))))

    def completed(self, orchestration: str, target: str) -> bool:
        """Record that an orchestration has completed; return whether it was failing, to one of concurrent callers."""
        is_same = (failing.c.orchestration == orchestration) & (failing.c.target == target)
        with self._database.writing() as connection:
            return connection.execute(delete(failing).where(is_same)).rowcount > 0


class Pauses:
    """The table of pauses. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, orchestration: str, target: str, actor: str) -> bool:
        """Pause the schedule of an orchestration; return False if it is paused already."""
        is_same = (pauses.c.orchestration == orchestration) & (pauses.c.target == target)
        with self._database.writing() as connection:
            if connection.execute(select(pauses.c.since).where(is_same)).one_or_none():
                return False
            entry = {"orchestration": orchestration, "target": target, "actor": actor}
            connection.execute(insert(pauses).values(**entry, since=as_text(datetime.now(UTC))))
            return True

    def delete(self, orchestration: str, target: str) -> bool:
        """End the pause of a schedule; return False if it is not paused."""
        is_same = (pauses.c.orchestration == orchestration) & (pauses.c.target == target)
        with self._database.writing() as connection:
            return connection.execute(delete(pauses).where(is_same)).rowcount > 0

    def names(self, target: str) -> frozenset[str]:
        """Return the orchestrations whose schedules are paused under a target."""
        with self._database.reading() as connection:
            return frozenset(
                connection.execute(select(pauses.c.orchestration).where(pauses.c.target == target)).scalars()
            )


def _record(row: Row[tuple[object, ...]]) -> ScheduleRecord:
    return ScheduleRecord(
        orchestration=row.orchestration,
        schedule=row.schedule,
        handled_until=datetime.fromisoformat(row.handled_until),
        state=ScheduleState(row.state),
        due_at=datetime.fromisoformat(row.due_at) if row.due_at else None,
        started_at=datetime.fromisoformat(row.started_at) if row.started_at else None,
    )
