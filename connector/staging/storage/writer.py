"""Writes a run's events to disk, and knows of each batch where it lies."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import sync
from connector.core.hashed import EVENTS, HashedEvents
from connector.core.route import Route
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.batcher import Batcher
from connector.staging.storage.key_file import KeyFile


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """Where a batch lies: the file's name, and its place among the record batches in it."""

    route: Route
    file: str
    index: int
    events: int
    rows: int


class EventsFile(ArrowFile):
    """One Arrow file being written, a record batch for each batch to be sent. Their keys are added to `keys`."""

    def __init__(self, directory: Path, name: str, keys: KeyFile) -> None:
        super().__init__(directory / name, EVENTS)
        self.batches: list[StagedBatch] = []
        self._keys = keys
        self._cutter = Batcher()

    def add(self, events: HashedEvents) -> None:
        """Takes events of one route in; those that do not fill a batch wait for more."""
        for route, batch in self._cutter.add(events):
            self.write(route, batch)

    def write(self, route: Route, batch: pa.RecordBatch) -> None:
        """Writes what is to be sent in one request."""
        rows = pc.sum(pc.list_value_length(batch["rows"])).as_py()
        place = self.append(batch)
        self._keys.add(self.path.name, batch["key"])
        self.batches.append(StagedBatch(route, self.path.name, place, batch.num_rows, rows))

    def finish(self) -> list[StagedBatch]:
        """Writes what waits, and comes back when the disk has it."""
        for route, batch in self._cutter.rest():
            self.write(route, batch)
        self.close()
        sync(self.path)
        sync(self.path.parent)
        return self.batches
