"""Reads files of record batches, and does not keep in memory what was read of a large one."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from connector.disk import AT_ONCE, let_go

_MOST_OPEN = 8


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


class OpenFiles:
    """Arrow files of a stage, of which those stay open that were asked for last. Not for several threads at once."""

    def __init__(self, directory: Path, options: pa.ipc.IpcReadOptions | None = None) -> None:
        self._directory, self._options = directory, options
        self._open: dict[str, _File] = {}

    def batch(self, file: str, index: int) -> pa.RecordBatch:
        """A record batch of a file, by its place in it."""
        if file not in self._open:
            source = pa.OSFile(str(self._directory / file), "rb")
            self._open[file] = _File(source, pa.ipc.open_file(source, options=self._options))
            if len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open))).source.close()
        return self._open[file].batch(index)

    def close(self) -> None:
        """Closes the files."""
        for file in self._open.values():
            file.source.close()
