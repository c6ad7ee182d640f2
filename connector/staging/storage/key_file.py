"""Keep the keys of a stage's events, and find those that are repeated or undecided, in constant memory.

The events of a stage are numbered from 0, in the order in which their batches were added.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.staging.storage.key_list import KeyList, shares_for
from connector.staging.storage.keys import Halves, Keys, halves, is_among, without_repetition

KEYS_AT_ONCE = 500_000

Numbers = npt.NDArray[np.int64]
"""Numbers of events."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lower halves of keys, sorted, and the `barred` keys that have one of them; so many `events` have one."""

    halves: Halves
    barred: Keys
    events: int


class KeyFile:
    """The keys of the events of a stage, batch by batch, and the keys that bar an event from being sent.

    Undecided keys are those of events that are judged once they are whole.
    """

    def __init__(self, directory: Path) -> None:
        self._events, self._barred = KeyList(directory / "event-keys"), KeyList(directory / "barred-keys")
        self._undecided = KeyList(directory / "undecided-keys")
        self._orphans = KeyList(directory / "orphan-numbers")
        self._places: dict[str, array[int]] = {}

    @property
    def count(self) -> int:
        """How many events there are."""
        return self._events.count

    def add(self, file: str, keys: pa.Array) -> None:
        """Adds the keys (type KEY, each once) of the next batch of a file."""
        self._places.setdefault(file, array("Q")).extend((self.count, len(keys)))
        self._events.add(halves(keys))

    def bar(self, keys: pa.Array) -> None:
        """Adds keys (type KEY) of events that may not be sent."""
        self._barred.add(halves(keys))

    def add_undecided(self, keys: pa.Array) -> None:
        """Add keys (type KEY) of events that are judged once they are whole."""
        self._undecided.add(halves(keys))

    def add_orphans(self, numbers: pa.Array) -> None:
        """Add the numbers (uint64) of the orders of orphan rows."""
        low = numbers.to_numpy()
        self._orphans.add(np.column_stack([low, np.zeros_like(low)]))

    def orphans(self, numbers_at_once: int = 8 * KEYS_AT_ONCE) -> Iterator[Halves]:
        """Yield the numbers of the orders of orphan rows, sorted and each once, so many at a time or some more."""
        with self._orphans.in_shares(shares_for(self._orphans.count, numbers_at_once)) as shares:
            yield from (without_repetition(np.sort(some[:, 0])) for some in shares if len(some))

    def first(self, file: str, index: int) -> int:
        """The number of the first event of a batch that was added."""
        return self._places[file][2 * index]

    def of(self, file: str, index: int) -> Keys:
        """The keys of a batch that was added."""
        start, count = self._places[file][2 * index : 2 * index + 2]
        return self._events.read(start, count)

    def repeated(self, keys_at_once: int = KEYS_AT_ONCE) -> Iterator[Repeated]:
        """The lower halves that occur more than once among events, or there and among barred or undecided keys.

        They come in shares.

        Halves of different keys may be equal: what is found by them still has to be compared in full. What is added
        meanwhile is not looked at.
        """
        shares = shares_for(self.count, keys_at_once)
        with (
            self._events.in_shares(shares) as events,
            self._barred.in_shares(shares) as barring,
            self._undecided.in_shares(shares) as deciding,
        ):
            for here, barred, undecided in zip(events, barring, deciding, strict=True):
                low = np.sort(here[:, 0])
                stopping = barred[is_among(barred[:, 0], low)]
                marked = [low[1:][low[1:] == low[:-1]], stopping[:, 0], undecided[:, 0]]
                found = without_repetition(np.sort(np.concatenate(marked)))
                if len(found):
                    yield Repeated(found, stopping, int(np.count_nonzero(is_among(low, found))))

    def shares(self, keys_at_once: int) -> Iterator[Halves]:
        """The lower halves of the events' keys, sorted and without repetition, so many at a time or some more."""
        with self._events.in_shares(shares_for(self.count, keys_at_once)) as events:
            for some in events:
                if len(some):
                    yield without_repetition(np.sort(some[:, 0]))

    def remove(self) -> None:
        """Deletes the files."""
        self._events.remove()
        self._barred.remove()
        self._undecided.remove()
        self._orphans.remove()
