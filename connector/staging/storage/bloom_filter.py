"""Tells what is surely new from what may have been seen before, in memory that does not grow."""

import numpy as np
import numpy.typing as npt

from connector.staging.storage.keys import Halves

BITS = 1 << 29
"""64 MiB: of 50 million keys one in ten that are new is taken for one that may be known, and waits."""


class BloomFilter:
    """A mark for each key that was seen, by its lower half; different keys may share one. `bits` is a power of two."""

    def __init__(self, bits: int = BITS) -> None:
        self._mask = np.uint64(bits - 1)
        self._marks = np.zeros(bits // 8, np.uint8)

    def add(self, low: Halves) -> None:
        """Marks keys."""
        place, bit = self._places(low)
        np.bitwise_or.at(self._marks, place, bit)

    def may_have(self, low: Halves) -> npt.NDArray[np.bool_]:
        """Of each key, whether it may have been seen: surely, where it was."""
        place, bit = self._places(low)
        return np.asarray((self._marks[place] & bit) != 0)

    def are_new(self, low: Halves) -> npt.NDArray[np.bool_]:
        """Of each of some different keys, whether it was surely not seen before; from now on they were."""
        place, bit = self._places(low)
        new = np.asarray((self._marks[place] & bit) == 0)
        np.bitwise_or.at(self._marks, place, bit)
        return new

    def _places(self, low: Halves) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        place = low & self._mask
        bit = np.left_shift(np.uint8(1), (place & np.uint64(7)).astype(np.uint8))
        return (place >> np.uint64(3)).astype(np.int64), bit
