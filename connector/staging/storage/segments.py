"""Write batches that are sent while others are still being staged, a few to each file."""

from pathlib import Path

import pyarrow as pa

from connector.core.hashed import HashedEvents
from connector.core.route import Route
from connector.staging.storage.batcher import Batcher
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.writer import EventsFile, StagedBatch


class Segments:
    """Files of batches, each of which is returned once it is on disk. `first` is the number of the first file."""

    def __init__(self, directory: Path, keys: KeyFile, first: int = 0) -> None:
        self._directory, self._keys, self._next = directory, keys, first
        self._batcher = Batcher()
        self._full: list[tuple[Route, pa.RecordBatch]] = []

    def add(self, events: HashedEvents) -> None:
        """Add events of one route; those that do not fill a batch wait for more."""
        self._full.extend(self._batcher.add(events))

    def flush(self) -> list[StagedBatch]:
        """Write the full batches to a file, and return them once they are on disk."""
        if not self._full:
            return []
        with EventsFile(self._directory, f"segment-{self._next:06}.arrow", self._keys) as file:
            for route, batch in self._full:
                file.write(route, batch)
            self._next, self._full = self._next + 1, []
            return file.finish()

    def finish(self) -> list[StagedBatch]:
        """Write the full batches and the waiting events, and return them once they are on disk."""
        self._full.extend(self._batcher.drain())
        return self.flush()
