"""The timeline of a run."""

from dataclasses import dataclass

from sqlalchemy import func, select

from connector.ledger.database import Database
from connector.ledger.tables import batches, moments, requests


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
