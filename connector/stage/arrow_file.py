"""Writes files of record batches, which the disk is given while they grow."""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import pyarrow as pa

from connector.disk import Growing, make_private_file


class ArrowFile:
    """One Arrow file being written. It does not stay open, whatever ends its block: a full disk has to be freed."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._written = 0
        self._open = ExitStack()
        make_private_file(path)
        self._sink = self._open.enter_context(pa.OSFile(str(path), "wb"))
        self._growing = Growing(path)
        self._open.callback(self._growing.close)
        self._writer = self._open.enter_context(pa.ipc.new_file(self._sink, schema))

    def append(self, batch: pa.RecordBatch) -> int:
        """Writes a record batch, and gives its place in the file. Raises OSError where the disk has no room."""
        self._writer.write_batch(batch)
        self._growing.has(self._sink.tell())
        self._written += 1
        return self._written - 1

    def close(self) -> None:
        """Ends the file as it is, unless it has ended. Raises OSError as `append` does."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Ends the file. Of a block that failed, why is known, and a full disk would say it twice."""
        with suppress(*[OSError] if error is not None else []):
            self.close()
