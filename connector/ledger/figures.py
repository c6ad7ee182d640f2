"""What was learnt of the events that were delivered, kept with the batch or the part that was."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from connector.ledger.database import Database
from connector.ledger.tables import batches, parts


class Figures:
    """Read when somebody asks; they are written with the outcome of what they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> Iterator[Mapping[str, Any]]:
        """Those of everything of a run that was delivered and has some, as `connector.pipeline.figures` made them."""
        for table in (batches, parts):
            query = select(table.c.figures).where(table.c.run_id == run_id)
            with self._database.reading() as connection:
                found = connection.execution_options(yield_per=1_000).execute(query).scalars()
                yield from (one for one in found if one is not None)
