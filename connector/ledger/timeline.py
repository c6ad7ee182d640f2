"""When what happened to a run as a whole."""

from dataclasses import dataclass

from sqlalchemy import func, select

from connector.ledger.database import Database
from connector.ledger.tables import batches, moments, requests


@dataclass(frozen=True, slots=True)
class Moment:
    """When (UTC, ISO 8601), and what: a word of the table `moments`, `first_request` or `last_answer`."""

    at: str
    what: str


class Moments:
    """The course of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> list[Moment]:
        """Everything known of a run's course, in order. A run of an earlier version has requests and answers only."""
        query = select(moments.c.at, moments.c.what).where(moments.c.run_id == run_id).order_by(moments.c.id)
        first = select(func.min(batches.c.sent_at)).where(batches.c.run_id == run_id)
        last = select(func.max(requests.c.answered_at)).where(requests.c.run_id == run_id)
        with self._database.reading() as connection:
            found = [Moment(row.at, row.what) for row in connection.execute(query)]
            sent, answered = connection.execute(first).scalar_one(), connection.execute(last).scalar_one()
        if sent:
            found.append(Moment(sent, "first_request"))
        if answered:
            found.append(Moment(answered, "last_answer"))
        return sorted(found, key=lambda one: one.at)
