"""Reads staged batches, without the events that were taken out after they were written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from connector.disk import AT_ONCE, let_go
from connector.hashed import EVENTS
from connector.stage.removed import Positions, read_removed
from connector.stage.writer import StagedBatch

_MOST_OPEN = 8


class StageReader:
    """The events of one run. Not for use from several threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._files = directory, _Files(directory)
        self._removed: dict[str, Positions] = {}

    def whole(self, file: str, index: int) -> pa.RecordBatch:
        """A batch (schema EVENTS, or that of an audience's changes) as it was written."""
        batch = self._files.batch(file, index)
        return batch if batch.schema.names == EVENTS.names else _completed(batch)

    def events(self, file: str, index: int) -> pa.RecordBatch:
        """The events of a batch (schema EVENTS) that are to be sent."""
        batch = self.whole(file, index)
        # While there is nothing yet it is looked for again: the rest of the stage may still be written.
        self._removed = self._removed or read_removed(self._directory)
        removed = self._removed.get(f"{file}/{index}")
        if removed is None:
            return batch
        kept = np.ones(batch.num_rows, np.bool_)
        kept[removed] = False
        return batch.filter(pa.array(kept))

    def close(self) -> None:
        """Closes the files."""
        self._files.close()

    def __enter__(self) -> "StageReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _completed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with the columns that it has not: an earlier version kept neither whom an event is about nor what it is
    counted by, and an audience's changes are about nobody whom `persons` would name.
    """
    count = batch.num_rows
    if "persons" not in batch.schema.names:
        batch = batch.append_column(EVENTS.field("persons"), pa.array([""] * count))
    traits = ("time", "currency", "marks") if "head" in batch.schema.names else ()
    for name in (name for name in traits if name not in batch.schema.names):
        batch = batch.append_column(EVENTS.field(name), pa.nulls(count, EVENTS.field(name).type))
    return batch


class KeyReader:
    """Reads the keys of staged batches, and nothing else of them."""

    def __init__(self, directory: Path) -> None:
        self._files = _Files(directory, pa.ipc.IpcReadOptions(included_fields=[0]))

    def keys(self, batch: StagedBatch) -> pa.Array:
        """The keys (type KEY) of a batch as it was written."""
        return self._files.batch(batch.file, batch.index)["key"]

    def __enter__(self) -> "KeyReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()


class PersonReader:
    """Reads whom staged events are about, and nothing else of them."""

    def __init__(self, directory: Path) -> None:
        place = EVENTS.names.index("persons")
        self._files = _Files(directory, pa.ipc.IpcReadOptions(included_fields=[place]))

    def persons(self, batch: StagedBatch) -> pa.RecordBatch:
        """The column `persons` of a batch as it was written."""
        return self._files.batch(batch.file, batch.index)

    def __enter__(self) -> "PersonReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()


@dataclass
class _File:
    """An open file, and how many bytes of it were read since memory was let go."""

    source: pa.OSFile
    batches: pa.RecordBatchFileReader
    read: int = 0

    def batch(self, index: int) -> pa.RecordBatch:
        batch = self.batches.get_batch(index)
        self.read += batch.get_total_buffer_size()
        if self.read >= AT_ONCE:
            let_go(self.source.fileno())
            self.read = 0
        return batch


class _Files:
    """Keeps the files open that were asked for last."""

    def __init__(self, directory: Path, options: pa.ipc.IpcReadOptions | None = None) -> None:
        self._directory, self._options = directory, options
        self._open: dict[str, _File] = {}

    def batch(self, file: str, index: int) -> pa.RecordBatch:
        if file not in self._open:
            source = pa.OSFile(str(self._directory / file), "rb")
            self._open[file] = _File(source, pa.ipc.open_file(source, options=self._options))
            if len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open))).source.close()
        return self._open[file].batch(index)

    def close(self) -> None:
        for file in self._open.values():
            file.source.close()
