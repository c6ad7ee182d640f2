"""Keep the keys of a stage's events, and find those that are repeated or undecided, in constant memory.

The events of a stage are numbered from 0, in the order in which their batches were added.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.errors import CorruptStage
from connector.staging.storage.key_list import KeyList, partition_count
from connector.staging.storage.keys import Keys, LowHalves, as_uint64_pairs, in_sorted, unique_sorted

KEYS_AT_ONCE = 500_000

EventNumbers = npt.NDArray[np.int64]
"""EventNumbers of events in a stage."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Keys that may be repeated, by their lower halves."""

    low: LowHalves
    """Lower halves, sorted and each once."""
    blocked: Keys
    """Blocked keys that have one of these lower halves."""
    events: int
    """The number of events that have one of these lower halves."""


class KeyFile:
    """The keys of the events of a stage, batch by batch, and the keys of events that must not be sent.

    Undecided keys belong to events that are judged once all their rows are known.
    """

    def __init__(self, directory: Path) -> None:
        self._events, self._blocked = KeyList(directory / "event-keys"), KeyList(directory / "barred-keys")
        self._undecided = KeyList(directory / "undecided-keys")
        self._orphans = KeyList(directory / "orphan-numbers")
        self._places: dict[str, array[int]] = {}

    @property
    def count(self) -> int:
        """The number of events."""
        return self._events.count

    def add(self, file: str, keys: pa.Array) -> None:
        """Add the keys (type KEY, each once) of the next batch of a file."""
        self._places.setdefault(file, array("Q")).extend((self.count, len(keys)))
        self._events.add(as_uint64_pairs(keys))

    def adopt(self, file: str, sizes: Iterable[int], keys: Iterable[Keys]) -> None:
        """Add the keys of all batches of a file, of which `sizes` are the numbers of events."""
        places, end = self._places.setdefault(file, array("Q")), self.count
        for size in sizes:
            places.extend((end, size))
            end += size
        for some in keys:
            self._events.add(some)
        if self.count != end:
            raise CorruptStage(f"{file} has other events than keys")

    def adopt_marks(self, blocked: Iterable[Keys], undecided: Iterable[Keys], orphans: Iterable[Keys]) -> None:
        """Add blocked and undecided keys, and orphans, as another key file has stored them."""
        for target, lists in ((self._blocked, blocked), (self._undecided, undecided), (self._orphans, orphans)):
            for some in lists:
                target.add(some)

    def block(self, keys: pa.Array) -> None:
        """Add keys (type KEY) of events that must not be sent."""
        self._blocked.add(as_uint64_pairs(keys))

    def add_undecided(self, keys: pa.Array) -> None:
        """Add keys (type KEY) of events that are judged once all their rows are known."""
        self._undecided.add(as_uint64_pairs(keys))

    def add_orphans(self, numbers: pa.Array) -> None:
        """Add the numbers (uint64) of the orders of orphan rows."""
        low = numbers.to_numpy()
        self._orphans.add(np.column_stack([low, np.zeros_like(low)]))

    def orphans(self, numbers_at_once: int = 8 * KEYS_AT_ONCE) -> Iterator[LowHalves]:
        """Yield the numbers of the orders of orphan rows, sorted and each once, in partitions of about this size."""
        with self._orphans.partitioned(partition_count(self._orphans.count, numbers_at_once)) as partitions:
            yield from (unique_sorted(np.sort(some[:, 0])) for some in partitions if len(some))

    def first_number(self, file: str, index: int) -> int:
        """Return the number of the first event of a batch."""
        return self._places[file][2 * index]

    def of_batch(self, file: str, index: int) -> Keys:
        """Return the keys of a batch."""
        start, count = self._places[file][2 * index : 2 * index + 2]
        return self._events.read(start, count)

    def repeated(self, keys_at_once: int = KEYS_AT_ONCE) -> Iterator[Repeated]:
        """Yield the lower halves of repeated keys, and of keys that are blocked or undecided as well.

        Different keys may have equal halves, so callers must compare whole keys. Keys that are added meanwhile are
        ignored.
        """
        partitions = partition_count(self.count, keys_at_once)
        with (
            self._events.partitioned(partitions) as events,
            self._blocked.partitioned(partitions) as blocked_partitions,
            self._undecided.partitioned(partitions) as undecided_partitions,
        ):
            for own, blocked, undecided in zip(events, blocked_partitions, undecided_partitions, strict=True):
                low = np.sort(own[:, 0])
                matching = blocked[in_sorted(blocked[:, 0], low)]
                marked = [low[1:][low[1:] == low[:-1]], matching[:, 0], undecided[:, 0]]
                found = unique_sorted(np.sort(np.concatenate(marked)))
                if len(found):
                    yield Repeated(found, matching, int(np.count_nonzero(in_sorted(low, found))))

    def partitions(self, keys_at_once: int) -> Iterator[LowHalves]:
        """Yield the lower halves of the events' keys, sorted, each once, in partitions of about this size."""
        with self._events.partitioned(partition_count(self.count, keys_at_once)) as events:
            for some in events:
                if len(some):
                    yield unique_sorted(np.sort(some[:, 0]))

    def close(self) -> None:
        """Close the files, and keep them on disk. Raises OSError if the disk fails."""
        for keys in (self._events, self._blocked, self._undecided, self._orphans):
            keys.close()

    def remove(self) -> None:
        """Delete the files."""
        self._events.remove()
        self._blocked.remove()
        self._undecided.remove()
        self._orphans.remove()
