"""Keys on disk in the order in which they come, read by place, or by shares that each fit into memory."""

import itertools
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file
from connector.errors import CorruptStage
from connector.staging.storage.checksums import checksum
from connector.staging.storage.keys import Keys, in_share_order, keys_from, share_of

_READ_AT_ONCE = 1 << 18
_KEY_BYTES = 16
_BLOCK = 1_024
_BLOCK_BYTES = _BLOCK * _KEY_BYTES
_MOST_SHARES = 4_096
_NONE = keys_from(b"")


class KeyList:
    """Keys in a file that is made for the first of them. `count` is how many there are.

    What is read raises CorruptStage where it is not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._file: BinaryIO | None = None
        self._sums = array("I")
        """The CRC-32 of each _BLOCK keys, and of those that fill none."""

    def add(self, keys: Keys) -> None:
        """Adds keys. Raises OSError where the disk has no room."""
        if not len(keys):
            return
        if self._file is None:
            make_private_file(self._path)
            self._file = self._path.open("w+b", buffering=0)
        data = rest = memoryview(keys.tobytes())
        while rest:
            rest = rest[self._file.write(rest) :]
        self._sum_up(data)
        self.count += len(keys)

    def _sum_up(self, data: memoryview) -> None:
        rest = (-self.count % _BLOCK) * _KEY_BYTES
        if rest:
            self._sums[-1] = checksum(data[:rest], self._sums[-1])
        self._sums.extend(checksum(data[at : at + _BLOCK_BYTES]) for at in range(rest, len(data), _BLOCK_BYTES))

    def read(self, start: int, count: int) -> Keys:
        """So many keys from a place on."""
        if self._file is None or not count:
            return _NONE
        first, end = start // _BLOCK, -(-(start + count) // _BLOCK)
        data = memoryview(_bytes(self._file, first * _BLOCK, min(end * _BLOCK, self.count)))
        for number in range(first, end):
            at = (number - first) * _BLOCK_BYTES
            if checksum(data[at : at + _BLOCK_BYTES]) != self._sums[number]:
                raise CorruptStage(f"{self._path} is damaged")
        return keys_from(data)[start - first * _BLOCK :][:count]

    @contextmanager
    def in_shares(self, shares: int) -> Iterator[Iterator[Keys]]:
        """The keys that are there now, by what `share_of` says, in the order in which they came."""
        if shares == 1:
            yield iter([self.read(0, self.count)])
            return
        with TemporaryFile(dir=self._path.parent) as file:
            parts = [
                _put_in_order(self.read(start, min(_READ_AT_ONCE, self.count - start)), start, shares, file)
                for start in range(0, self.count, _READ_AT_ONCE)
            ]
            file.flush()
            yield (
                np.concatenate([_NONE, *(self._share(file, part, share) for part in parts)]) for share in range(shares)
            )

    def _share(self, file: BinaryIO, part: "_Part", share: int) -> Keys:
        start, end = part.bounds[share : share + 2].tolist()
        data = _bytes(file, start, end)
        if checksum(data) != part.sums[share]:
            raise CorruptStage(f"What was put in order of {self._path} is damaged")
        return keys_from(data)

    def remove(self) -> None:
        """Deletes the file."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def shares_for(count: int, at_once: int) -> int:
    """Into how many shares so many keys are put, to read not many more than `at_once` at a time."""
    return min(1 + count // at_once, _MOST_SHARES)


@dataclass(frozen=True, slots=True)
class _Part:
    """Keys that were written share by share: where each begins, and the last one ends; and the CRC-32 of each."""

    bounds: npt.NDArray[np.int64]
    sums: "array[int]"


def _put_in_order(keys: Keys, start: int, shares: int, file: BinaryIO) -> _Part:
    order, bounds = in_share_order(share_of(keys, shares), shares)
    ordered = memoryview(keys[order].tobytes())
    file.write(ordered)
    places = (bounds * _KEY_BYTES).tolist()
    return _Part(start + bounds, array("I", (checksum(ordered[a:b]) for a, b in itertools.pairwise(places))))


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    return os.pread(file.fileno(), (end - start) * _KEY_BYTES, start * _KEY_BYTES)
