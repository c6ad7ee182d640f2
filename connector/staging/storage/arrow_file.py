"""Write files of record batches, each with a checksum, and flush them to disk while they grow.

A file consists of MAGIC, the schema and the record batches as Arrow IPC messages, an index of these messages (dtype
INDEX, one entry each), and END: the number of entries and the checksum of the index.
"""

import struct
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from connector.core.disk import SteadySync, make_private_file
from connector.staging.storage.checksums import checksum

MAGIC = b"\x93STAGE1\n"
INDEX = np.dtype([("start", "<u8"), ("size", "<u8"), ("checksum", "<u4")])
END = struct.Struct("<QL8s")


class ArrowFile:
    """One file being written. It is closed however its block ends, so that a full disk can be freed."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._index: list[tuple[int, int, int]] = []
        self._open = ExitStack()
        make_private_file(path)
        self._sink = self._open.enter_context(pa.OSFile(str(path), "wb"))
        self._growing = SteadySync(path)
        self._open.callback(self._growing.close)
        self._open.callback(self._end)
        self._sink.write(MAGIC)
        self._put(schema.serialize())

    def append(self, batch: pa.RecordBatch) -> int:
        """Write a record batch and return its place in the file. Raises OSError if the disk is full."""
        self._put(batch.serialize())
        self._growing.has(self._sink.tell())
        return len(self._index) - 2

    def _put(self, message: pa.Buffer) -> None:
        self._index.append((self._sink.tell(), message.size, checksum(message)))
        self._sink.write(message)

    def _end(self) -> None:
        index = np.array(self._index, INDEX).tobytes()
        self._sink.write(index + END.pack(len(self._index), checksum(index), MAGIC))

    def close(self) -> None:
        """Write the index and close the file, unless it is closed already. Raises OSError if the disk is full."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Close the file; if the block failed, suppress OSError, since a full disk would be reported twice."""
        with suppress(*[OSError] if error is not None else []):
            self.close()
