"""Rows of MySQL's protocol as Arrow columns: numpy finds the values of all rows of a portion at once."""

from collections.abc import Callable, Iterator
from struct import Struct

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.errors import SourceError

PORTION_BYTES = 1 << 18
"""Of the server's rows: small enough for an early first batch, large enough for fast columns."""

_HEADER = Struct("<I")
_HEADER_BYTES, _SIZE = 4, 0xFFFFFF
"""A packet begins with its size in three bytes, and its number in a fourth."""
_NULL, _END, _ERROR = 0xFB, 0xFE, 0xFF
"""First bytes: of a NULL, and of the packets that end the rows."""
_LENGTH_BYTES = {0xFC: 2, 0xFD: 3}
"""First bytes of longer values, and how many bytes behind them hold the length. Others are the length."""

Places = npt.NDArray[np.int64]


class RowPackets:
    """The rows of one result; `read` returns the next bytes of the server, up to so many."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self._rest = read, b""
        self._last: bytes | None = None

    @property
    def is_finished(self) -> bool:
        """Return whether the server has sent everything."""
        return self._last is not None

    @property
    def error(self) -> bytes | None:
        """Return the packet with the error that ended the rows, if one did."""
        return self._last if self._last and self._last[0] == _ERROR else None

    def portions(self, columns: int) -> Iterator[list[pa.BinaryArray]]:
        """Yield the columns of portions of the rows. Raises SourceError for a row that is too long."""
        while not self.is_finished:
            data, starts = self._portion()
            if starts:
                yield _columns(np.frombuffer(data, np.uint8), np.array(starts, np.int64), columns)

    def _portion(self) -> tuple[bytearray, list[int]]:
        """Read the bytes of some whole rows; return them with the places where the rows begin."""
        data, starts, end = bytearray(self._rest), list[int](), 0
        while True:
            end = self._find_rows(data, end, starts)
            if self.is_finished or (starts and len(data) >= PORTION_BYTES):
                self._rest = bytes(data[end:])
                return data, starts
            part = self._read(PORTION_BYTES)
            if not part:
                raise SourceError("The query failed: the server closed the connection.")
            data += part

    def _find_rows(self, data: bytearray, position: int, starts: list[int]) -> int:
        """Add the places of whole rows from a position on; return where the next packet begins."""
        while position + _HEADER_BYTES < len(data):
            size = _HEADER.unpack_from(data, position)[0] & _SIZE
            start = position + _HEADER_BYTES
            if size == _SIZE:
                raise SourceError("The query failed: a row of the result has more than 16 MB.")
            if start + size > len(data):
                break
            position = start + size
            if data[start] >= _END:
                self._last = bytes(data[start:position])
                break
            starts.append(start)
        return position


def _columns(data: npt.NDArray[np.uint8], position: Places, count: int) -> list[pa.BinaryArray]:
    """Return the values of each column, of rows that begin at these places."""
    columns = []
    for _ in range(count):
        first = data[position]
        lengths, position = first.astype(np.int64), position + 1
        for mark, width in _LENGTH_BYTES.items():
            rows = np.flatnonzero(first == mark)
            if len(rows):
                lengths[rows] = sum(data[position[rows] + byte].astype(np.int64) << 8 * byte for byte in range(width))
                position[rows] += width
        is_null = first == _NULL
        lengths[is_null] = 0
        columns.append(_binary_array(data, position, lengths, is_null))
        position = position + lengths
    return columns


def _binary_array(
    data: npt.NDArray[np.uint8], starts: Places, lengths: Places, is_null: npt.NDArray[np.bool_]
) -> pa.BinaryArray:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    validity = pa.py_buffer(np.packbits(~is_null, bitorder="little")) if is_null.any() else None
    buffers = [validity, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data[places])]
    return pa.BinaryArray.from_buffers(pa.binary(), len(lengths), buffers)
