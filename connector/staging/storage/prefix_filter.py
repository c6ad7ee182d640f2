"""Compares a stage's keys with many times as many others."""

import numpy as np
import numpy.typing as npt

from connector.staging.storage.keys import Halves, Keys, is_among

Flags = npt.NDArray[np.bool_]

_PLACES_PER_KEY = 16
"""Of the keys that are not among the others, one in so many takes the longer way."""


class PrefixFilter:
    """Lets keys through whose lower half is one of those given (sorted, without repetition)."""

    def __init__(self, wanted: Halves) -> None:
        self._wanted = wanted
        places = 1 << (_PLACES_PER_KEY * max(len(wanted), 1) - 1).bit_length()
        self._mask = np.uint64(places - 1)
        # Looked at first: it costs one look into memory a key, a search in millions costs twenty.
        self._taken = np.zeros(places, np.bool_)
        self._taken[wanted & self._mask] = True

    def among(self, keys: Keys) -> Keys:
        """Those of the keys that may be wanted: other keys with an equal lower half are among them."""
        likely: Keys = keys[self._taken[keys[:, 0] & self._mask]]
        passed: Keys = likely[is_among(likely[:, 0], self._wanted)]
        return passed


class KeySet:
    """Whole keys, looked up by the hundred thousand."""

    def __init__(self, keys: Keys) -> None:
        ordered = _distinct(keys[np.lexsort((keys[:, 1], keys[:, 0]))])
        self._low, self._high = np.ascontiguousarray(ordered[:, 0]), np.ascontiguousarray(ordered[:, 1])
        starts = np.flatnonzero(np.r_[True, self._low[1:] != self._low[:-1]]) if len(ordered) else np.zeros(0, np.int64)
        self._alike = int(np.diff(np.r_[starts, len(ordered)]).max(initial=0))

    def has(self, keys: Keys) -> Flags:
        """Of each key, whether it is one of these."""
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
