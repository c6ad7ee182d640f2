"""Tell keys that are certainly new from keys that may have been seen before, in constant memory."""

from typing import Self

import numpy as np
import numpy.typing as npt

from connector.staging.storage.keys import LowHalves

BITS = 1 << 29
"""64 MiB: of 50 million keys, one new key in ten is taken for one that may have been seen, and waits."""


class BloomFilter:
    """One bit for each key that was seen, by its lower half; several keys may have the same. `bits` is a power of 2."""

    def __init__(self, bits: int = BITS) -> None:
        self._mask = np.uint64(bits - 1)
        self._marks = np.zeros(bits // 8, np.uint8)

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the filter with the `content` of another one."""
        made = cls(8)
        made._mask, made._marks = np.uint64(8 * len(content) - 1), np.frombuffer(content, np.uint8)
        return made

    @property
    def content(self) -> bytes:
        """All its bits."""
        return self._marks.tobytes()

    def add(self, low: LowHalves) -> None:
        """Add keys."""
        place, bit = self._places(low)
        np.bitwise_or.at(self._marks, place, bit)

    def may_contain(self, low: LowHalves) -> npt.NDArray[np.bool_]:
        """Return a flag for each key: false only if the key was never added."""
        place, bit = self._places(low)
        return np.asarray((self._marks[place] & bit) != 0)

    def add_new(self, low: LowHalves) -> npt.NDArray[np.bool_]:
        """Add distinct keys, and return a flag for each: true if it was certainly not added before."""
        place, bit = self._places(low)
        new = np.asarray((self._marks[place] & bit) == 0)
        np.bitwise_or.at(self._marks, place, bit)
        return new

    def _places(self, low: LowHalves) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        place = low & self._mask
        bit = np.left_shift(np.uint8(1), (place & np.uint64(7)).astype(np.uint8))
        return (place >> np.uint64(3)).astype(np.int64), bit
