"""The metrics of delivered events, which are stored with their batch or part."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from connector.ledger.database import Database
from connector.ledger.tables import batches, parts


class StoredMetrics:
    """Reads metrics; `Batches.settled` writes them with the outcome."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield the metrics of a run's batches and parts, as `staging.event_metrics` makes them."""
        yield from (metrics for _, metrics in self.of_runs([run_id]))

    def of_runs(self, run_ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the metrics of several runs, each with the run id."""
        for table in (batches, parts):
            query = select(table.c.run_id, table.c.figures).where(table.c.run_id.in_(run_ids))
            with self._database.reading() as connection:
                rows = connection.execution_options(yield_per=1_000).execute(query)
                yield from ((run_id, metrics) for run_id, metrics in rows if metrics is not None)
