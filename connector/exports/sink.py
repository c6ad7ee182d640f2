"""What takes the tables of runs, one run after the other."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import pyarrow as pa

Parts = Mapping[str, Iterable[pa.RecordBatch]]
"""By table, what a run has to go into it."""


class Sink(Protocol):
    """Somewhere the tables are written to."""

    def take(self, run_id: str, parts: Parts) -> dict[str, int]:
        """Writes what a run has, in place of what was there of it in these tables; gives how many rows of each."""

    def finish(self) -> None:
        """Everything was taken."""

    def close(self) -> None:
        """Lets go; what was not finished may be lost."""
