"""Keys on disk in the order in which they come, read by place, or by shares that each fit into memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from connector.disk import make_private_file
from connector.stage.keys import Keys, in_share_order, keys_from, share_of

_READ_AT_ONCE = 1 << 18
_KEY_BYTES = 16
_MOST_SHARES = 4_096
_NONE = keys_from(b"")


class KeyList:
    """Keys in a file that is made for the first of them. `count` is how many there are."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._file: BinaryIO | None = None

    def add(self, keys: Keys) -> None:
        """Adds keys. Raises OSError where the disk has no room."""
        if not len(keys):
            return
        if self._file is None:
            make_private_file(self._path)
            self._file = self._path.open("w+b", buffering=0)
        data = memoryview(keys.tobytes())
        while data:
            data = data[self._file.write(data) :]
        self.count += len(keys)

    def read(self, start: int, count: int) -> Keys:
        """So many keys from a place on."""
        return _NONE if self._file is None else _read(self._file, start, start + count)

    @contextmanager
    def in_shares(self, shares: int) -> Iterator[Iterator[Keys]]:
        """The keys that are there now, by what `share_of` says, in the order in which they came."""
        if shares == 1:
            yield iter([self.read(0, self.count)])
            return
        with TemporaryFile(dir=self._path.parent) as file:
            bounds = [
                _put_in_order(self.read(start, min(_READ_AT_ONCE, self.count - start)), start, shares, file)
                for start in range(0, self.count, _READ_AT_ONCE)
            ]
            file.flush()
            yield (
                np.concatenate([_NONE, *(_read(file, *one[share : share + 2]) for one in bounds)])
                for share in range(shares)
            )

    def remove(self) -> None:
        """Deletes the file."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def shares_for(count: int, at_once: int) -> int:
    """Into how many shares so many keys are put, to read not many more than `at_once` at a time."""
    return min(1 + count // at_once, _MOST_SHARES)


def _put_in_order(keys: Keys, start: int, shares: int, file: BinaryIO) -> npt.NDArray[np.int64]:
    """Writes keys share by share, and gives the place at which each share begins, and that where the last one ends."""
    order, bounds = in_share_order(share_of(keys, shares), shares)
    file.write(keys[order].tobytes())
    return start + bounds


def _read(file: BinaryIO, start: int, end: int) -> Keys:
    return keys_from(os.pread(file.fileno(), (end - start) * _KEY_BYTES, start * _KEY_BYTES))
