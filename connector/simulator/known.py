"""Which events are known already: 48 hours of them, in a few bytes each.

Source: an event whose source, name and id were seen within 48 hours is discarded; within 5 minutes what
it adds is merged into the first one (agreed by several sources).
"""

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

DUPLICATE_SECONDS = 48 * 3_600
MERGE_SECONDS = 5 * 60
RECENT = 1 << 18
"""Events kept where they are quickly found and changed, before they are packed."""

_BITS = 12
_LOW = (1 << _BITS) - 1

Packed = NDArray[np.int64]
Piece = tuple[Packed, Packed]
"""Keys in order, each once, and their stamps."""


class Admitted(NamedTuple):
    """Of each event whether it is new, and the changes that merging made: what was known before, what now."""

    fresh: list[bool]
    merged: list[tuple[int, int]]


class KnownEvents:
    """Not thread-safe. A key is a 64-bit digest (that two of 100 million are alike has a chance of 1 in 2,000).

    Beside its key an event leaves 8 bytes: milliseconds since 1970 and up to 12 bits that say what it had.
    """

    def __init__(self, recent: int = RECENT) -> None:
        self._most = recent
        self._recent: dict[int, int] = {}
        self._packed: list[Piece] = []

    def __len__(self) -> int:
        """How many events are remembered; some of them may be out of date or there twice."""
        return len(self._recent) + sum(len(keys) for keys, _ in self._packed)

    def admit(self, keys: list[int | None], had: list[int], now: float) -> Admitted:
        """Tell the new from the known, and remember the new; None as a key is never recognised.

        `had` are bits for what each event has; `now` is Unix seconds.
        """
        if self._packed:
            self._look_up(keys)
        stamp = int(now * 1_000) << _BITS
        whole = _without_none(keys)
        if whole and self._recent.keys().isdisjoint(whole) and len(set(whole)) == len(whole):
            # Nearly always nothing is known, and one look at all of them is quicker.
            self._recent.update(zip(whole, [stamp | bits for bits in had], strict=True))
            admitted = Admitted([True] * len(keys), [])
        else:
            admitted = self._admit_each(keys, had, stamp)
        if len(self._recent) > self._most:
            self._pack(now)
        return admitted

    def _admit_each(self, keys: list[int | None], had: list[int], stamp: int) -> Admitted:
        # Bits are the lowest digits, so with all of them set a stamp is compared by its time alone.
        outdated = stamp - (DUPLICATE_SECONDS * 1_000 << _BITS) | _LOW
        too_old_to_merge = stamp - (MERGE_SECONDS * 1_000 << _BITS) | _LOW
        recent, admitted = self._recent, Admitted([], [])
        for key, bits in zip(keys, had, strict=True):
            known = None if key is None else recent.get(key)
            new = known is None or known <= outdated
            admitted.fresh.append(new)
            if new and key is not None:
                recent[key] = stamp | bits
            elif key is not None and known is not None and known > too_old_to_merge and bits & ~known & _LOW:
                admitted.merged.append((known & _LOW, (known | bits) & _LOW))
                recent[key] = known | bits
        return admitted

    def _look_up(self, keys: list[int | None]) -> None:
        """Bring what is packed of these keys to where it is quickly found."""
        wanted = np.array([key for key in keys if key is not None] if None in keys else keys, np.int64)
        wanted.sort()
        found: dict[int, int] = {}
        for packed, stamps in self._packed:
            places = np.minimum(np.searchsorted(packed, wanted), len(packed) - 1)
            hits = packed[places] == wanted
            if hits.any():
                # The newest piece comes last, so it has the last word.
                found.update(zip(wanted[hits].tolist(), stamps[places[hits]].tolist(), strict=True))
        for key, stamp in found.items():
            self._recent.setdefault(key, stamp)

    def _pack(self, now: float) -> None:
        """Put what is recent into a sorted piece, and join pieces of about the same size."""
        keys = np.fromiter(self._recent.keys(), np.int64, len(self._recent))
        stamps = np.fromiter(self._recent.values(), np.int64, len(self._recent))
        self._recent.clear()
        order = np.argsort(keys)
        piece = keys[order], stamps[order]
        while self._packed and len(self._packed[-1][0]) <= 2 * len(piece[0]):
            piece = _joined(self._packed.pop(), piece)
        current = (_without_outdated(*one, now) for one in (*self._packed, piece))
        self._packed = [one for one in current if len(one[0])]


def _without_none(keys: list[int | None]) -> list[int]:
    """The keys where all are there, else nothing."""
    return [] if None in keys else cast(list[int], keys)


def _joined(older: Piece, newer: Piece) -> Piece:
    """One piece of two, neither of which is empty; what is in both is taken from the newer one."""
    (keys, stamps), (added, added_stamps) = older, newer
    places = np.searchsorted(keys, added)
    known = keys[np.minimum(places, len(keys) - 1)] == added
    stamps[places[known]] = added_stamps[known]
    places, added, added_stamps = places[~known], added[~known], added_stamps[~known]
    return np.insert(keys, places, added), np.insert(stamps, places, added_stamps)


def _without_outdated(keys: Packed, stamps: Packed, now: float) -> Piece:
    current = stamps >> _BITS > int((now - DUPLICATE_SECONDS) * 1_000)
    return (keys, stamps) if current.all() else (keys[current], stamps[current])
