"""Whole tables of a run, some rows at a time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select

from connector.ledger.database import Database
from connector.ledger.runs import as_text
from connector.ledger.tables import batches, requests, runs

_ROWS = 5_000

Page = Sequence[RowMapping]


class Pages:
    """Memory does not grow with the size of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_ids(self, since: datetime | None = None) -> list[str]:
        """The ids of all runs, or of those begun since a moment, oldest first."""
        query = select(runs.c.run_id).order_by(runs.c.started_at, runs.c.run_id)
        if since is not None:
            query = query.where(runs.c.started_at >= as_text(since))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def batches(self, run_id: str) -> Iterator[Page]:
        """The batches of a run, in order, without what was learnt of their events."""
        columns = (column for column in batches.c if column.name != "figures")
        yield from self._pages(select(*columns).where(batches.c.run_id == run_id).order_by(batches.c.number))

    def requests(self, run_id: str) -> Iterator[Page]:
        """The requests of a run, in the order of the answers."""
        yield from self._pages(select(requests).where(requests.c.run_id == run_id).order_by(requests.c.id))

    def _pages(self, query: Select[Any]) -> Iterator[Page]:
        with self._database.reading() as connection:
            found = connection.execution_options(yield_per=_ROWS).execute(query)
            yield from found.mappings().partitions()
