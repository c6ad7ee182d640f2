"""The timeline of a run."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, select

from connector.core.outcomes import RunStatus
from connector.ledger.database import Database, as_text
from connector.ledger.tables import batches, moments, requests

PLANNED, PLAN_MATCHED = "planned", "plan_matched"
"""The entries of a run that is held to a plan, and of one whose counts are those of the plan."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An entry of the timeline."""

    at: str
    """UTC in ISO 8601."""
    what: str
    """A word from the table `moments`, `first_request` or `last_answer`."""


class Timeline:
    """Reads timelines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> list[TimelineEntry]:
        """Return the timeline of a run, in order. A run of an earlier version has only requests and answers."""
        query = select(moments.c.at, moments.c.what).where(moments.c.run_id == run_id).order_by(moments.c.id)
        first = select(func.min(batches.c.sent_at)).where(batches.c.run_id == run_id)
        last = select(func.max(requests.c.answered_at)).where(requests.c.run_id == run_id)
        with self._database.reading() as connection:
            entries = [TimelineEntry(row.at, row.what) for row in connection.execute(query)]
            sent, answered = connection.execute(first).scalar_one(), connection.execute(last).scalar_one()
        if sent:
            entries.append(TimelineEntry(sent, "first_request"))
        if answered:
            entries.append(TimelineEntry(answered, "last_answer"))
        return sorted(entries, key=lambda entry: entry.at)

    def has(self, run_id: str, what: str) -> bool:
        """Return whether the table `moments` has an entry of a run."""
        query = select(moments.c.id).where(moments.c.run_id == run_id, moments.c.what == what).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).one_or_none() is not None


def add_moment(connection: Connection, run_id: str, what: str) -> None:
    """Add an entry to the timeline of a run."""
    values = {"run_id": run_id, "at": as_text(datetime.now(UTC)), "what": what}
    connection.execute(insert(moments).values(values))


_BEGINNINGS = ("started", "resumed")
_ENDS = frozenset(RunStatus) - {RunStatus.WAITING, RunStatus.RUNNING}


def open_seconds(connection: Connection, run_id: str) -> float:
    """Return the seconds from the start of a run's process to its last recorded action; 0 if the run ended."""
    query = select(moments.c.at, moments.c.what).where(moments.c.run_id == run_id).order_by(moments.c.id)
    steps = connection.execute(query).all()
    began = max((index for index, step in enumerate(steps) if step.what in _BEGINNINGS), default=None)
    if began is None or any(step.what in _ENDS for step in steps[began:]):
        return 0.0
    answered = select(func.max(requests.c.answered_at)).where(requests.c.run_id == run_id)
    last = max(steps[-1].at, connection.execute(answered).scalar_one() or "")
    return max(0.0, (datetime.fromisoformat(last) - datetime.fromisoformat(steps[began].at)).total_seconds())
