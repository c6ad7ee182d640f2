"""Bulk reads of the tables of runs, in pages."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select

from connector.ledger.database import Database, as_text
from connector.ledger.tables import batches, parts, requests, runs

_ROWS = 5_000

Page = Sequence[RowMapping]


class Pages:
    """Reads pages of rows, so that memory does not grow with the size of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_ids(self, since: datetime | None = None) -> list[str]:
        """Return the ids of all runs, or of those that started at or after a time, oldest first."""
        query = select(runs.c.run_id).order_by(runs.c.started_at, runs.c.run_id)
        if since is not None:
            query = query.where(runs.c.started_at >= as_text(since))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def batches(self, run_ids: Sequence[str]) -> Iterator[Page]:
        """Yield the batches of runs, in order, without the metrics of their events."""
        columns = (column for column in batches.c if column.name != "figures")
        query = select(*columns).where(batches.c.run_id.in_(run_ids))
        yield from self._pages(query.order_by(batches.c.run_id, batches.c.number))

    def requests(self, run_ids: Sequence[str]) -> Iterator[Page]:
        """Yield the requests of runs, in the order of the answers."""
        query = select(requests).where(requests.c.run_id.in_(run_ids))
        yield from self._pages(query.order_by(requests.c.run_id, requests.c.id))

    def metrics(self, run_ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the metrics of the delivered batches and parts of runs, each with the run id."""
        for table in (batches, parts):
            query = select(table.c.run_id, table.c.figures).where(table.c.run_id.in_(run_ids))
            with self._database.reading() as connection:
                rows = connection.execution_options(yield_per=1_000).execute(query)
                yield from ((run_id, metrics) for run_id, metrics in rows if metrics is not None)

    def _pages(self, query: Select[Any]) -> Iterator[Page]:
        with self._database.reading() as connection:
            rows = connection.execution_options(yield_per=_ROWS).execute(query)
            yield from rows.mappings().partitions()
