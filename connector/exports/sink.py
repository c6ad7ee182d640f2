"""The interface that exported tables are written to, several runs at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of some runs for one table."""

    run_ids: Sequence[str]
    batches: Iterable[pa.RecordBatch]


Parts = Mapping[str, Part]
"""By table."""


class Sink(Protocol):
    """Somewhere the tables are written to."""

    def take(self, parts: Parts) -> dict[str, int]:
        """Writes what runs have, in place of what was there of them in these tables; gives how many rows of each."""

    def finish(self) -> None:
        """Everything was taken."""

    def close(self) -> None:
        """Lets go; what was not finished may be lost."""
