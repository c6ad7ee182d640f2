"""The window in which a repeated event is recognised: 48 hours of events, in a few bytes each.

Source: an event whose source, name and id were received within 48 hours is discarded; within 5 minutes what
it adds is merged into the first one (agreed by several sources).
"""

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

DUPLICATE_SECONDS = 48 * 3_600
MERGE_SECONDS = 5 * 60
MAX_RECENT = 1 << 18
"""Events kept in a dictionary before they are packed."""

_BITS = 12
_LOW = (1 << _BITS) - 1

Int64Array = NDArray[np.int64]
SqlToken = tuple[Int64Array, Int64Array]
"""Keys in order, each once, and their stamps."""


def stamp_of(now: float) -> int:
    """Return the stamp of an event that carries nothing."""
    return int(now * 1_000) << _BITS


class Admission(NamedTuple):
    """The outcome of a batch of events."""

    fresh: list[bool]
    """Whether each event is new."""
    merged: list[tuple[int, int]]
    """The bits of each merged event before and after."""


class DedupWindow:
    """Keys of received events, in memory. Not thread-safe.

    A key is a 64-bit digest (two of 100 million collide with a chance of 1 in 2,000). Beside its key an event
    takes 8 bytes: milliseconds since 1970, and up to 12 bits that say what it carried.
    """

    def __init__(self, recent: int = MAX_RECENT) -> None:
        self._max_recent = recent
        self.recent: dict[int, int] = {}
        """The stamps of recent events by key."""
        self._packed: list[SqlToken] = []

    @staticmethod
    def key(*parts: object) -> int:
        """Return the key of an event, which differs from one process to the next."""
        return hash(parts)

    def __len__(self) -> int:
        """Count the stored events; some may have expired or be stored twice."""
        return len(self.recent) + sum(len(keys) for keys, _ in self._packed)

    def admit(self, keys: list[int | None], carried: list[int], now: float) -> Admission:
        """Separate new events from repeated ones and store the new; None as a key is never recognised.

        `carried` has bits for what each event carries; `now` is Unix seconds.
        """
        if self._packed:
            self._look_up(keys)
        stamp = stamp_of(now)
        complete = _keys_if_complete(keys)
        if complete and self.recent.keys().isdisjoint(complete) and len(set(complete)) == len(complete):
            # Nearly always every event is new, and one test of all of them is quicker.
            self.recent.update(zip(complete, [stamp | bits for bits in carried], strict=True))
            admitted = Admission([True] * len(keys), [])
        else:
            admitted = self._admit_each(keys, carried, stamp)
        if len(self.recent) > self._max_recent:
            self._pack(now)
        return admitted

    def _admit_each(self, keys: list[int | None], carried: list[int], stamp: int) -> Admission:
        # Bits are the lowest digits, so with all of them set a stamp is compared by its time alone.
        expired = stamp - (DUPLICATE_SECONDS * 1_000 << _BITS) | _LOW
        merge_limit = stamp - (MERGE_SECONDS * 1_000 << _BITS) | _LOW
        recent, admitted = self.recent, Admission([], [])
        for key, bits in zip(keys, carried, strict=True):
            previous = None if key is None else recent.get(key)
            is_new = previous is None or previous <= expired
            admitted.fresh.append(is_new)
            if is_new and key is not None:
                recent[key] = stamp | bits
            elif key is not None and previous is not None and previous > merge_limit and bits & ~previous & _LOW:
                admitted.merged.append((previous & _LOW, (previous | bits) & _LOW))
                recent[key] = previous | bits
        return admitted

    def _look_up(self, keys: list[int | None]) -> None:
        """Copy the packed entries of these keys to the recent ones."""
        sorted_keys = np.array([key for key in keys if key is not None] if None in keys else keys, np.int64)
        sorted_keys.sort()
        entries: dict[int, int] = {}
        for packed, stamps in self._packed:
            positions = np.minimum(np.searchsorted(packed, sorted_keys), len(packed) - 1)
            hits = packed[positions] == sorted_keys
            if hits.any():
                # The newest piece comes last, so it has the last word.
                entries.update(zip(sorted_keys[hits].tolist(), stamps[positions[hits]].tolist(), strict=True))
        for key, stamp in entries.items():
            self.recent.setdefault(key, stamp)

    def _pack(self, now: float) -> None:
        """Move the recent entries into a sorted piece, and join pieces of about the same size."""
        keys = np.fromiter(self.recent.keys(), np.int64, len(self.recent))
        stamps = np.fromiter(self.recent.values(), np.int64, len(self.recent))
        self.recent.clear()
        order = np.argsort(keys)
        piece = keys[order], stamps[order]
        while self._packed and len(self._packed[-1][0]) <= 2 * len(piece[0]):
            piece = _join_pieces(self._packed.pop(), piece)
        current = (_drop_expired(*one, now) for one in (*self._packed, piece))
        self._packed = [one for one in current if len(one[0])]


def _keys_if_complete(keys: list[int | None]) -> list[int]:
    """Return the keys if none is missing, else nothing."""
    return [] if None in keys else cast(list[int], keys)


def _join_pieces(older: SqlToken, newer: SqlToken) -> SqlToken:
    """Join two pieces, neither of which is empty; the newer one wins for keys in both."""
    (keys, stamps), (added, added_stamps) = older, newer
    positions = np.searchsorted(keys, added)
    repeated = keys[np.minimum(positions, len(keys) - 1)] == added
    stamps[positions[repeated]] = added_stamps[repeated]
    positions, added, added_stamps = positions[~repeated], added[~repeated], added_stamps[~repeated]
    return np.insert(keys, positions, added), np.insert(stamps, positions, added_stamps)


def _drop_expired(keys: Int64Array, stamps: Int64Array, now: float) -> SqlToken:
    current = stamps >> _BITS > int((now - DUPLICATE_SECONDS) * 1_000)
    return (keys, stamps) if current.all() else (keys[current], stamps[current])
