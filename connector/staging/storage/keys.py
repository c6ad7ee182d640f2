"""The keys of events as numbers, by the million."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Halves = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint64]
"""Shape (n, 2): both halves of each key, the lower one first."""


def keys_from(data: bytes | memoryview) -> Keys:
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


def share_of(keys: Keys, shares: int) -> npt.NDArray[np.uint16]:
    """Of each key its share, from 0, of at most 65,536: all events of one key are in the same."""
    return (keys[:, 0] % np.uint64(shares)).astype(np.uint16)


def in_share_order(own: npt.NDArray[np.integer], shares: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The positions of what has these shares, share by share and else as they stand; and where each share begins,
    and the last one ends.
    """
    order = np.argsort(own, kind="stable")
    return order, np.searchsorted(own[order], np.arange(shares + 1))
