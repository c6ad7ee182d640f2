"""Compute checksums of files and blocks, and verify them before data that is read back is interpreted."""

import zlib
from pathlib import Path
from typing import Any, BinaryIO

from connector.errors import CorruptStage

_MARK, _SUM_BYTES = b"\ncrc32 ", 8
_END_BYTES = len(_MARK) + _SUM_BYTES
_AT_ONCE = 1 << 20


def checksum(data: Any, before: int = 0) -> int:
    """Return the CRC-32 of a buffer, continuing that of the bytes `before` it.

    It is computed for each batch when it is staged and when it is sent, which costs about 0.5 % of a run.
    """
    return zlib.crc32(data, before)


def append_checksum(path: Path) -> None:
    """Append the checksum of a file's bytes to it."""
    with path.open("r+b") as file:
        file.write(_MARK + _of(file, path.stat().st_size))


def verify(path: Path) -> None:
    """Compare a file with the checksum at its end. Raises CorruptStage."""
    with path.open("rb") as file:
        verify_bytes(file, path.stat().st_size, path)


def verify_bytes(file: BinaryIO, size: int, name: Path | str) -> None:
    """Compare `size` bytes, the whole of a file, with the checksum at their end. Raises CorruptStage."""
    found = _of(file, max(size - _END_BYTES, 0))
    if file.read() != _MARK + found:
        raise CorruptStage(f"{name} is damaged")


def _of(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, and return their checksum in hexadecimal."""
    found = 0
    for start in range(0, size, _AT_ONCE):
        found = checksum(file.read(min(_AT_ONCE, size - start)), found)
    return f"{found:0{_SUM_BYTES}x}".encode()
