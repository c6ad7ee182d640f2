"""The interface of everything that tables of runs are written to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of some runs in one table."""

    run_ids: Sequence[str]
    batches: Iterable[pa.RecordBatch]


TableBatches = Mapping[str, TableRows]
"""The rows of some runs, by table."""


class Sink(Protocol):
    """A place that the tables are written to, some runs after the others."""

    def write(self, parts: TableBatches) -> dict[str, int]:
        """Replace the rows of these runs in the tables; return the number of rows by table."""

    def finish(self) -> None:
        """Complete the export after the last part."""

    def close(self) -> None:
        """Release resources; an unfinished export may be lost."""
