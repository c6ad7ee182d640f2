"""Writes what changes an audience to disk, in the batches in which it will be sent."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import sync
from connector.core.hashed import UNITS
from connector.core.route import Route
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.writer import StagedBatch

ADDED, RESENT, DELETED = ("added.arrow", "resent.arrow", "deleted.arrow")
"""Files of what is sent."""

RowCountsArray = npt.NDArray[np.int64]


class ChangeFile(ArrowFile):
    """One Arrow file being written, a record batch for each batch to be sent: `most_rows` of `batch_data` at most."""

    def __init__(self, directory: Path, name: str, most_rows: int) -> None:
        super().__init__(directory / name, UNITS)
        self.batches: list[StagedBatch] = []
        self.members: list[int] = []
        self._most_rows = most_rows
        self._waiting: dict[Route, tuple[pa.Table, RowCountsArray]] = {}

    def add(self, route: Route, units: pa.Table, weights: RowCountsArray) -> None:
        """Takes units (schema UNITS) in; `weights` are their rows of `batch_data`. What fills no batch waits."""
        before = self._waiting.pop(route, None)
        if before:
            units, weights = pa.concat_tables([before[0], units]), np.r_[before[1], weights]
        rest = self._cut(route, units.combine_chunks(), weights, keep_rest=True)
        if rest < units.num_rows:
            self._waiting[route] = units.slice(rest), weights[rest:]

    def finish(self) -> None:
        """Writes what waits, and comes back when the disk has it."""
        for route, (units, weights) in self._waiting.items():
            self._cut(route, units.combine_chunks(), weights, keep_rest=False)
        self.close()
        sync(self.path)

    def _cut(self, route: Route, units: pa.Table, weights: RowCountsArray, *, keep_rest: bool) -> int:
        """Writes full batches; gives the position of the first unit that is in none."""
        ends, start = np.cumsum(weights), 0
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
