"""Compare a stage's keys with many times as many others."""

import numpy as np
import numpy.typing as npt

from connector.staging.storage.keys import Keys, LowHalves, in_sorted

Flags = npt.NDArray[np.bool_]

_PLACES_PER_KEY = 16
"""One in so many keys that do not match passes the first test, and needs a binary search."""


class PrefixFilter:
    """Selects keys whose lower half is one of those given (sorted, each once)."""

    def __init__(self, low: LowHalves) -> None:
        self._low = low
        places = 1 << (_PLACES_PER_KEY * max(len(low), 1) - 1).bit_length()
        self._mask = np.uint64(places - 1)
        # Tested first: it costs one memory access for each key, where a binary search in millions costs twenty.
        self._taken = np.zeros(places, np.bool_)
        self._taken[low & self._mask] = True

    def candidates(self, keys: Keys) -> Keys:
        """Return the keys that match, and others that only share a lower half with one that does."""
        likely: Keys = keys[self._taken[keys[:, 0] & self._mask]]
        passed: Keys = likely[in_sorted(likely[:, 0], self._low)]
        return passed


class KeySet:
    """Whole keys, for lookups of hundreds of thousands of keys at once."""

    def __init__(self, keys: Keys) -> None:
        ordered = _distinct(keys[np.lexsort((keys[:, 1], keys[:, 0]))])
        self._low, self._high = np.ascontiguousarray(ordered[:, 0]), np.ascontiguousarray(ordered[:, 1])
        starts = np.flatnonzero(np.r_[True, self._low[1:] != self._low[:-1]]) if len(ordered) else np.zeros(0, np.int64)
        self._alike = int(np.diff(np.r_[starts, len(ordered)]).max(initial=0))

    def contains(self, keys: Keys) -> Flags:
        """Return a flag for each key: true if it is in the set."""
        found = np.zeros(len(keys), np.bool_)
        if not len(self._low):
            return found
        order = np.argsort(keys[:, 0])
        low, high = keys[order, 0], keys[order, 1]
        first = np.searchsorted(self._low, low)
        for further in range(self._alike):
            place = np.minimum(first + further, len(self._low) - 1)
            found[order] |= (self._low[place] == low) & (self._high[place] == high)
        return found


def _distinct(ordered: Keys) -> Keys:
    differ = (ordered[1:] != ordered[:-1]).any(axis=1)
    return ordered[np.r_[True, differ]] if len(ordered) else ordered
