"""Read a file elsewhere mostly in order, with few requests."""

import numpy as np
import pyarrow as pa

_AHEAD_BYTES = 4 << 20
_END_BYTES = 64 << 10
"""The bytes that are read at the end of a file, which says where its parts lie."""


class ReadAhead:
    """A file of which more is read than is asked for, since the next question is about what follows."""

    def __init__(self, source: pa.NativeFile) -> None:
        self._source, self._size = source, int(source.size())
        self._position = self._start = 0
        self._window = pa.py_buffer(b"")

    def size(self) -> int:
        """Return the bytes of the file."""
        return self._size

    def seek(self, position: int) -> int:
        """Set where the next bytes are read."""
        self._position = position
        return position

    def read(self, size: int) -> bytes:
        """Read so many bytes, or those that are left."""
        return bytes(self.read_buffer(size))

    def read_buffer(self, size: int) -> pa.Buffer:
        """Read so many bytes, or those that are left, to memory of their own."""
        size = max(min(size, self._size - self._position), 0)
        offset = self._position - self._start
        if offset < 0 or offset + size > self._window.size:
            self._fill(size)
            offset = self._position - self._start
        self._position += size
        return _copied(self._window.slice(offset, size))

    def _fill(self, size: int) -> None:
        is_end = self._position + size == self._size
        self._start = max(min(self._position, self._size - _END_BYTES), 0) if is_end else self._position
        self._source.seek(self._start)
        self._window = self._source.read_buffer(max(size + self._position - self._start, _AHEAD_BYTES))

    def close(self) -> None:
        """Close the file."""
        self._window = pa.py_buffer(b"")
        self._source.close()


def _copied(buffer: pa.Buffer) -> pa.Buffer:
    """Copy a buffer to memory that is aligned as Arrow expects it."""
    copy = pa.allocate_buffer(buffer.size)
    np.frombuffer(copy, np.uint8)[:] = np.frombuffer(buffer, np.uint8)
    return copy
