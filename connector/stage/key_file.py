"""Keeps the keys of a stage's events, and finds those that stand in it twice, in memory that does not grow with it.

The keys lie batch after batch. At the end they are put into files by shares that each fit into memory.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from connector.stage.keys import Halves, Keys, halves, is_among, keys_from, without_repetition

KEYS_AT_ONCE = 500_000
_READ_AT_ONCE = 1 << 18
_MOST_SHARES = 256
_KEY_BYTES = 16


class KeyFile:
    """The keys of the events of a stage, batch by batch, and the keys that bar an event from being sent."""

    def __init__(self, directory: Path) -> None:
        self._events, self._barred = _Keys(directory / "event-keys"), _Keys(directory / "barred-keys")
        self._places: dict[str, array[int]] = {}

    def add(self, file: str, keys: pa.Array) -> None:
        """Adds the keys (type KEY, each once) of the next batch of a file."""
        self._places.setdefault(file, array("Q")).extend((self._events.count, len(keys)))
        self._events.add(halves(keys))

    def bar(self, keys: pa.Array) -> None:
        """Adds keys (type KEY) of events that may not be sent."""
        if len(keys):
            self._barred.add(halves(keys))

    def of(self, file: str, index: int) -> Keys:
        """The keys of a batch that was added."""
        start, count = self._places[file][2 * index : 2 * index + 2]
        return self._events.read(start, count)

    def repeated(self) -> Iterator[tuple[Halves, Keys]]:
        """The lower halves that occur more than once among events, or both there and among barred keys.

        They come sorted, in shares, each with the barred keys of those halves. Halves of different keys may
        be equal: what is found by them still has to be compared in full. What is added meanwhile is not looked at.
        """
        shares = _shares(self._events.count, KEYS_AT_ONCE)
        with self._events.in_shares(shares) as events, self._barred.in_shares(shares) as barring:
            for here, barred in zip(events, barring, strict=True):
                low = np.sort(here[:, 0])
                stopping = barred[is_among(barred[:, 0], low)]
                found = without_repetition(np.sort(np.concatenate([low[1:][low[1:] == low[:-1]], stopping[:, 0]])))
                if len(found):
                    yield found, stopping

    def shares(self, keys_at_once: int) -> Iterator[Halves]:
        """The lower halves of the events' keys, sorted and without repetition, so many at a time or some more."""
        with self._events.in_shares(_shares(self._events.count, keys_at_once)) as events:
            for some in events:
                if len(some):
                    yield without_repetition(np.sort(some[:, 0]))

    def remove(self) -> None:
        """Deletes the files."""
        self._events.remove()
        self._barred.remove()


def _shares(count: int, at_once: int) -> int:
    return min(1 + count // at_once, _MOST_SHARES)


class _Keys:
    """Keys in a file that is made for the first of them."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._file: BinaryIO | None = None

    def add(self, keys: Keys) -> None:
        if self._file is None:
            self._file = self._path.open("w+b", buffering=0)
        data = memoryview(keys.tobytes())
        while data:
            data = data[self._file.write(data) :]
        self.count += len(keys)

    def read(self, start: int, count: int) -> Keys:
        if self._file is None:
            return keys_from(b"")
        return keys_from(os.pread(self._file.fileno(), count * _KEY_BYTES, start * _KEY_BYTES))

    @contextmanager
    def in_shares(self, shares: int) -> Iterator[Iterator[Keys]]:
        """The keys that are there now, in so many shares by their lower halves."""
        if shares == 1:
            yield iter([self.read(0, self.count)])
            return
        with ExitStack() as stack:
            files = [stack.enter_context(TemporaryFile(dir=self._path.parent)) for _ in range(shares)]
            for start in range(0, self.count, _READ_AT_ONCE):
                _distribute(self.read(start, min(_READ_AT_ONCE, self.count - start)), files)
            yield map(_whole, files)

    def remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _distribute(keys: Keys, files: Sequence[BinaryIO]) -> None:
    shares = (keys[:, 0] % np.uint64(len(files))).astype(np.uint16)
    order = np.argsort(shares, kind="stable")
    ends = np.searchsorted(shares[order], np.arange(len(files) + 1))
    ordered = keys[order]
    for file, start, end in zip(files, ends, ends[1:], strict=False):
        file.write(ordered[start:end].tobytes())


def _whole(file: BinaryIO) -> Keys:
    file.seek(0)
    return keys_from(file.read())
