"""Finds keys that stand in more than one slice of a result, in memory that does not grow with it.

Each slice adds the lower half of its keys to a file. At the end the file is gone through once for every
few million keys, each time looking at one share of them only.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

KEYS_AT_ONCE = 500_000
_READ_AT_ONCE = 1 << 20

Halves = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint64]
"""Shape (n, 2): both halves of each key."""


class KeyFile:
    """The keys of the events of a run, slice by slice, and the keys that bar an event from being sent."""

    def __init__(self, directory: Path) -> None:
        self._events = directory / "event-keys"
        self._barred = directory / "barred-keys"

    def add(self, events: pa.ChunkedArray | pa.Array, barred: pa.Array) -> None:
        """Adds the keys (type KEY) of one slice; those of the events without repetition."""
        with self._events.open("ab") as file:
            halves(events)[:, 0].tofile(file)
        if len(barred):
            with self._barred.open("ab") as file:
                halves(barred).tofile(file)

    def repeated(self) -> Iterator[tuple[Halves, Keys]]:
        """The lower halves that occur more than once among events, or both there and among barred keys.

        They come sorted, in shares, each with the barred keys of those halves. Halves of different keys may
        be equal: what is found by them still has to be compared in full.
        """
        shares = 1 + _size(self._events) // (8 * KEYS_AT_ONCE)
        for share in range(shares):
            here = np.sort(_share(self._events, 1, share, shares)[:, 0])
            barred = _share(self._barred, 2, share, shares)
            barred = barred[is_among(barred[:, 0], here)]
            found = without_repetition(np.sort(np.concatenate([here[1:][here[1:] == here[:-1]], barred[:, 0]])))
            if len(found):
                yield found, barred

    def shares(self, keys_at_once: int) -> Iterator[Halves]:
        """The lower halves of the events' keys, sorted and without repetition, so many at a time or some more."""
        shares = 1 + _size(self._events) // (8 * keys_at_once)
        for share in range(shares):
            here = without_repetition(np.sort(_share(self._events, 1, share, shares)[:, 0]))
            if len(here):
                yield here

    def remove(self) -> None:
        """Deletes the files."""
        for path in (self._events, self._barred):
            path.unlink(missing_ok=True)


def keys_from(data: bytes) -> Keys:
    """Keys that were written one after the other."""
    return np.frombuffer(data, np.uint64).reshape(-1, 2)


def halves(keys: pa.Array | pa.ChunkedArray) -> Keys:
    """Both halves of each key (type KEY, no nulls) as numbers, the lower one first."""
    array = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    if not len(array):
        return np.empty((0, 2), np.uint64)
    numbers = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)
    return numbers[array.offset : array.offset + len(array)]


def without_repetition(ordered: Halves) -> Halves:
    """Each of the sorted numbers once."""
    # numpy's own `unique` goes by hashes, and takes ten times as long as sorting.
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def is_among(numbers: Halves, ordered: Halves) -> npt.NDArray[np.bool_]:
    """Of each number, whether it is one of the sorted ones."""
    if not len(ordered):
        return np.zeros(len(numbers), np.bool_)
    place = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
    return np.asarray(ordered[place] == numbers)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _share(path: Path, width: int, share: int, shares: int) -> Keys:
    """The entries of `width` numbers whose first one falls into this share."""
    pieces = [np.empty((0, width), np.uint64)]
    step = _READ_AT_ONCE * 8 * width
    for offset in range(0, _size(path), step):
        piece = np.fromfile(path, np.uint64, count=_READ_AT_ONCE * width, offset=offset).reshape(-1, width)
        pieces.append(piece[piece[:, 0] % np.uint64(shares) == share])
    return np.concatenate(pieces)
