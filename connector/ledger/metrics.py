"""What was learnt of the events that were delivered, kept with the batch or the part that was."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from connector.ledger.database import Database
from connector.ledger.tables import batches, parts


class StoredMetrics:
    """Read when somebody asks; they are written with the outcome of what they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> Iterator[Mapping[str, Any]]:
        """Those of everything of a run that was delivered and has some, made by `staging.event_metrics`."""
        yield from (one for _, one in self.of_several([run_id]))

    def of_several(self, run_ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The same of several runs, each with the run's id."""
        for table in (batches, parts):
            query = select(table.c.run_id, table.c.figures).where(table.c.run_id.in_(run_ids))
            with self._database.reading() as connection:
                found = connection.execution_options(yield_per=1_000).execute(query)
                yield from ((run_id, figures) for run_id, figures in found if figures is not None)
