"""Handle millions of event keys as pairs of 64-bit numbers."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LowHalves = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint64]
"""Shape (n, 2): both halves of each key, the lower one first."""


def keys_from(data: bytes | memoryview) -> Keys:
    """Return the keys in a buffer of consecutive ones."""
    return np.frombuffer(data, np.uint64).reshape(-1, 2)


def as_uint64_pairs(keys: pa.Array | pa.ChunkedArray) -> Keys:
    """Return both halves of each key (type KEY, no nulls) as numbers, the lower one first."""
    array = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    if not len(array):
        return np.empty((0, 2), np.uint64)
    numbers = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)
    return numbers[array.offset : array.offset + len(array)]


def unique_sorted(ordered: LowHalves) -> LowHalves:
    """Return each of the sorted numbers once."""
    # numpy's own `unique` uses hashes, which takes ten times as long as sorting.
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def in_sorted(numbers: LowHalves, ordered: LowHalves) -> npt.NDArray[np.bool_]:
    """Return a flag for each number: true if it is one of the sorted ones."""
    if not len(ordered):
        return np.zeros(len(numbers), np.bool_)
    place = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
    return np.asarray(ordered[place] == numbers)


def partition_of(keys: Keys, partitions: int) -> npt.NDArray[np.uint16]:
    """Return the partition of each key, from 0; there are at most 65,536. Equal keys are in the same one."""
    return (keys[:, 0] % np.uint64(partitions)).astype(np.uint16)


def partition_order(
    own: npt.NDArray[np.integer], partitions: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions that sort records stably by their partition, and the bounds of each partition."""
    order = np.argsort(own, kind="stable")
    return order, np.searchsorted(own[order], np.arange(partitions + 1))
