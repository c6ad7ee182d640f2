"""Events that need not wait for the end of the result: where each row is one, the first of a key can leave at once.

What may have been seen before, in this result, in an earlier reading of it or in another run, waits until all of the
result is known, as does what is about people who are to be forgotten. Then it is looked at exactly.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from connector.core.hashed import HashedEvents
from connector.ledger.records import BatchRecord, SentKeys
from connector.staging.storage.bloom_filter import BloomFilter
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.keys import halves, keys_from
from connector.staging.storage.reader import StageReader
from connector.staging.storage.segments import Segments
from connector.staging.storage.writer import StagedBatch
from connector.transform.suppression import SuppressionFilter

HandOn = Callable[[Sequence[BatchRecord]], None]
"""Takes batches that are on disk: nothing of them is lost any more."""


@dataclass
class StreamingStage:
    """The part of a stage that is sent while the rest is read. `earlier` are batches of an earlier reading."""

    directory: Path
    hand_on: HandOn
    earlier: Sequence[BatchRecord] = ()
    batches: list[StagedBatch] = field(init=False)
    keys: KeyFile = field(init=False)
    _seen: BloomFilter = field(init=False, default_factory=BloomFilter)
    _segments: Segments = field(init=False)

    def __post_init__(self) -> None:
        self.batches = [_staged(record) for record in self.earlier]
        self.keys = KeyFile(self.directory)
        self._segments = Segments(
            self.directory, self.keys, 1 + max((_number(one.file) for one in self.batches), default=-1)
        )

    @property
    def earlier_rows(self) -> int:
        """The rows of the batches of an earlier reading."""
        return sum(record.rows for record in self.earlier)

    @property
    def earlier_events(self) -> int:
        """The events of the batches of an earlier reading."""
        return sum(record.events for record in self.earlier)

    def begin(self, known: Iterable[SentKeys]) -> None:
        """Takes down what is known, and the keys of an earlier reading."""
        for some in known:
            self._seen.add(keys_from(some.keys)[:, 0])
        with StageReader(self.directory) as reader:
            for batch in self.batches:
                of_batch = reader.whole(batch.file, batch.index)["key"]
                self._seen.add(halves(of_batch)[:, 0])
                self.keys.add(batch.file, of_batch)

    def rest(self, events: HashedEvents, forgotten: SuppressionFilter) -> HashedEvents:
        """Takes in what is surely new; the others are given back. No key is twice among `events`."""
        new = self._seen.are_new(halves(events.table["key"])[:, 0])
        if forgotten:
            new &= ~forgotten.among(events.table)
        if new.all():
            self._segments.add(events)
            return HashedEvents(events.route, events.table.slice(0, 0))
        self._segments.add(_chosen(events, pa.array(new)))
        return _chosen(events, pa.array(~new))

    def flush(self) -> None:
        """Hands on the batches that are full."""
        self._hand_on(self._segments.flush())

    def finish(self) -> None:
        """Hands on all that was taken in; nothing is taken in any more."""
        del self._seen
        self._hand_on(self._segments.finish())

    def _hand_on(self, staged: list[StagedBatch]) -> None:
        if staged:
            first = len(self.batches)
            self.batches.extend(staged)
            self.hand_on([_record(first + place, batch) for place, batch in enumerate(staged)])


def _chosen(events: HashedEvents, flags: pa.Array) -> HashedEvents:
    return HashedEvents(events.route, events.table.filter(flags))


def _record(number: int, batch: StagedBatch) -> BatchRecord:
    return BatchRecord(number, batch.route, batch.file, batch.index, batch.events, batch.rows)


def _staged(record: BatchRecord) -> StagedBatch:
    return StagedBatch(record.route, record.file, record.place, record.events, record.rows)


def _number(file: str) -> int:
    return int(Path(file).stem.removeprefix("segment-"))
