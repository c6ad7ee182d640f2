"""Reads staged batches, without the events that were taken out after they were written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.stage.writer import StagedBatch

Positions = npt.NDArray[np.int64]
REMOVED = "removed.npz"


class StageReader:
    """The files of one run. Not for use from several threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, tuple[pa.OSFile, pa.RecordBatchFileReader]] = {}
        self._removed = read_removed(directory)

    def whole(self, file: str, index: int) -> pa.RecordBatch:
        """A batch (schema EVENTS) as it was written."""
        if file not in self._open:
            source = pa.OSFile(str(self._directory / file), "rb")
            self._open[file] = (source, pa.ipc.open_file(source))
        return self._open[file][1].get_batch(index)

    def events(self, file: str, index: int) -> pa.RecordBatch:
        """The events of a batch (schema EVENTS) that are to be sent."""
        batch = self.whole(file, index)
        removed = self._removed.get(f"{file}/{index}")
        if removed is None:
            return batch
        kept = np.ones(batch.num_rows, np.bool_)
        kept[removed] = False
        return batch.filter(pa.array(kept))

    def close(self) -> None:
        """Closes the files."""
        for source, _ in self._open.values():
            source.close()


@contextmanager
def open_stage(directory: Path) -> Iterator[StageReader]:
    """The staged events of a run, by the folder of its stage."""
    reader = StageReader(directory)
    try:
        yield reader
    finally:
        reader.close()


def write_removed(directory: Path, removed: Iterable[tuple[StagedBatch, Positions]]) -> None:
    """Keeps which events of which batches were taken out: they became part of another, or may not be sent."""
    np.savez(directory / REMOVED, **{f"{batch.file}/{batch.index}": positions for batch, positions in removed})


def read_removed(directory: Path) -> dict[str, Positions]:
    """By "file/index", the positions of the events that were taken out."""
    path = directory / REMOVED
    if not path.exists():
        return {}
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}
