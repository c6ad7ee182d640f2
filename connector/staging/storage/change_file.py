"""Write the changes of an audience to disk, in the batches in which they are sent."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import sync
from connector.core.hashed_rows import UNITS
from connector.core.route import Route
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.writer import StagedBatch

ADDED, RESENT, DELETED = ("added.arrow", "resent.arrow", "deleted.arrow")
"""Names of the files of staged changes."""

RowCounts = npt.NDArray[np.int64]


class ChangeFile(ArrowFile):
    """One Arrow file being written, a record batch for each request of at most `most_rows` rows of `batch_data`."""

    def __init__(self, directory: Path, name: str, most_rows: int) -> None:
        super().__init__(directory / name, UNITS)
        self.batches: list[StagedBatch] = []
        self.members: list[int] = []
        self._most_rows = most_rows
        self._waiting: dict[Route, tuple[pa.Table, RowCounts]] = {}

    def add(self, route: Route, units: pa.Table, row_counts: RowCounts) -> None:
        """Add units (schema UNITS) with the number of rows of `batch_data` of each; units that fill no batch wait."""
        before = self._waiting.pop(route, None)
        if before:
            units, row_counts = pa.concat_tables([before[0], units]), np.r_[before[1], row_counts]
        rest = self._cut(route, units.combine_chunks(), row_counts, keep_rest=True)
        if rest < units.num_rows:
            self._waiting[route] = units.slice(rest), row_counts[rest:]

    def finish(self) -> None:
        """Write the waiting units, and fsync the file."""
        for route, (units, row_counts) in self._waiting.items():
            self._cut(route, units.combine_chunks(), row_counts, keep_rest=False)
        self.close()
        sync(self.path)

    def _cut(self, route: Route, units: pa.Table, row_counts: RowCounts, *, keep_rest: bool) -> int:
        """Write full batches, and return the position of the first unit that is in none of them."""
        ends, start = np.cumsum(row_counts), 0
        while start < units.num_rows:
            before = ends[start - 1] if start else 0
            end = max(int(np.searchsorted(ends, before + self._most_rows, side="right")), start + 1)
            if keep_rest and end >= units.num_rows and ends[-1] - before < self._most_rows:
                return start
            self._write(route, units.slice(start, end - start))
            start = end
        return start

    def _write(self, route: Route, units: pa.Table) -> None:
        batch = units.combine_chunks().to_batches()[0]
        rows = pc.sum(pc.list_value_length(batch["rows"])).as_py() or 0
        place = self.append(batch)
        self.members.append(pc.sum(pc.list_value_length(batch["digests"])).as_py() or 0)
        self.batches.append(StagedBatch(route, self.path.name, place, batch.num_rows, rows))
