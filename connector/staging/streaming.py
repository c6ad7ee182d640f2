"""Publish batches while the result is still being read, for results in which each row is an event.

An event is published at once if its key is certainly new. Events that may have been seen before, in this result, by an
earlier attempt or by another run, wait for the end of the result and are then compared exactly. So do events about
suppressed people.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from connector.core.hashed_rows import HashedEvents
from connector.core.route import Route
from connector.ledger.batch_records import BatchRecord, SentKeys
from connector.staging.storage.batcher import DEFAULT_LIMITS, Batcher, BatchLimits
from connector.staging.storage.bloom_filter import BloomFilter
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.keys import as_uint64_pairs, keys_from
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import EventsFile, StagedBatch
from connector.transform.suppression_filter import SuppressionFilter


class Segments:
    """Files of batches, each of which is returned once it is on disk. `first` is the number of the first file."""

    def __init__(self, directory: Path, keys: KeyFile, limits: BatchLimits, first: int = 0) -> None:
        self._directory, self._keys, self._next = directory, keys, first
        self._batcher = Batcher(limits.events, limits.size)
        self._full: list[tuple[Route, pa.RecordBatch]] = []

    def add(self, events: HashedEvents) -> None:
        """Add events of one route; those that do not fill a batch wait for more."""
        self._full.extend(self._batcher.add(events))

    def flush(self) -> list[StagedBatch]:
        """Write the full batches to a file, and return them once they are on disk."""
        if not self._full:
            return []
        with EventsFile(self._directory, f"segment-{self._next:06}.arrow", self._keys) as file:
            for route, batch in self._full:
                file.write(route, batch)
            self._next, self._full = self._next + 1, []
            return file.finish()

    def finish(self) -> list[StagedBatch]:
        """Write the full batches and the waiting events, and return them once they are on disk."""
        self._full.extend(self._batcher.drain())
        return self.flush()


Publish = Callable[[Sequence[BatchRecord]], None]
"""Called with batches that are safely on disk."""


@dataclass
class StreamingStage:
    """The part of a stage that is sent while the rest is read."""

    directory: Path
    publish: Publish
    earlier: Sequence[BatchRecord] = ()
    """Batches that an earlier attempt published."""
    limits: BatchLimits = DEFAULT_LIMITS
    """How large batches may be."""
    batches: list[StagedBatch] = field(init=False)
    """All published batches, those of an earlier attempt among them."""
    keys: KeyFile = field(init=False)
    _seen: BloomFilter = field(init=False, default_factory=BloomFilter)
    _segments: Segments = field(init=False)

    def __post_init__(self) -> None:
        self.batches = [_staged(record) for record in self.earlier]
        self.keys = KeyFile(self.directory)
        self._segments = Segments(
            self.directory, self.keys, self.limits, 1 + max((_number(batch.file) for batch in self.batches), default=-1)
        )

    @property
    def earlier_rows(self) -> int:
        """The rows of the batches of an earlier attempt."""
        return sum(record.rows for record in self.earlier)

    @property
    def earlier_events(self) -> int:
        """The events of the batches of an earlier attempt."""
        return sum(record.events for record in self.earlier)

    def load_keys(self, delivered_keys: Iterable[SentKeys]) -> None:
        """Load delivered keys, and the keys staged by an earlier attempt."""
        for sent in delivered_keys:
            self._seen.add(keys_from(sent.keys)[:, 0])
        with StageReader(self.directory) as reader:
            for batch in self.batches:
                batch_keys = reader.whole(batch.file, batch.index)["key"]
                self._seen.add(as_uint64_pairs(batch_keys)[:, 0])
                self.keys.add(batch.file, batch_keys)

    def take_new(self, events: HashedEvents, suppressed: SuppressionFilter) -> HashedEvents:
        """Stage the events whose key is certainly new, and return the others. No two of the `events` share a key."""
        new = self._seen.add_new(as_uint64_pairs(events.table["key"])[:, 0])
        if suppressed:
            new &= ~suppressed.match_events(events.table)
        if new.all():
            self._segments.add(events)
            return HashedEvents(events.route, events.table.slice(0, 0))
        self._segments.add(_filtered(events, pa.array(new)))
        return _filtered(events, pa.array(~new))

    def flush(self) -> None:
        """Publish the batches that are full."""
        self._publish(self._segments.flush())

    def finish(self) -> None:
        """Publish all events that were taken. None can be taken afterwards."""
        del self._seen
        self._publish(self._segments.finish())

    def _publish(self, staged: list[StagedBatch]) -> None:
        if staged:
            first = len(self.batches)
            self.batches.extend(staged)
            self.publish([_record(first + place, batch) for place, batch in enumerate(staged)])


def _filtered(events: HashedEvents, flags: pa.Array) -> HashedEvents:
    return HashedEvents(events.route, events.table.filter(flags))


def _record(number: int, batch: StagedBatch) -> BatchRecord:
    return BatchRecord(number, batch.route, batch.file, batch.index, batch.events, batch.rows)


def _staged(record: BatchRecord) -> StagedBatch:
    return StagedBatch(record.route, record.file, record.position, record.events, record.rows)


def _number(file: str) -> int:
    return int(Path(file).stem.removeprefix("segment-"))
