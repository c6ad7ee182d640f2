"""Write a run's events to disk, and record the place of each batch."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import sync
from connector.core.hashed_rows import EVENTS, HashedEvents
from connector.core.route import Route
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.batcher import DEFAULT_LIMITS, Batcher, BatchLimits
from connector.staging.storage.key_file import KeyFile


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch on disk, and where it lies."""

    route: Route
    file: str
    """The name of its file."""
    index: int
    """Its place among the record batches of the file."""
    events: int
    rows: int
    """The rows of its events."""


class EventsFile(ArrowFile):
    """One Arrow file being written, with a record batch for each request. Their keys are added to `keys`."""

    def __init__(self, directory: Path, name: str, keys: KeyFile, limits: BatchLimits = DEFAULT_LIMITS) -> None:
        super().__init__(directory / name, EVENTS)
        self.batches: list[StagedBatch] = []
        self._keys = keys
        self._batcher = Batcher(limits.events, limits.size)

    def add(self, events: HashedEvents) -> None:
        """Add events of one route; those that do not fill a batch wait for more."""
        for route, batch in self._batcher.add(events):
            self.write(route, batch)

    def write(self, route: Route, batch: pa.RecordBatch) -> None:
        """Write the batch of one request."""
        rows = pc.sum(pc.list_value_length(batch["rows"])).as_py()
        place = self.append(batch)
        self._keys.add(self.path.name, batch["key"])
        self.batches.append(StagedBatch(route, self.path.name, place, batch.num_rows, rows))

    def finish(self) -> list[StagedBatch]:
        """Write the waiting events, fsync the file, and return all batches."""
        for route, batch in self._batcher.drain():
            self.write(route, batch)
        self.close()
        sync(self.path)
        sync(self.path.parent)
        return self.batches
