"""Write the hashed result to disk; afterwards the warehouse is no longer needed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import make_private_folder, sync
from connector.core.hashed_rows import HashedEvents, HashedRows
from connector.ledger.batch_records import BatchRecord
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.staging.deduplicate import (
    RepeatedKeys,
    StageEdit,
    block_incomplete,
    deduplicate,
    find_repeated,
)
from connector.staging.skip_delivered import DeliveredKeys, no_delivered_keys, skip_delivered
from connector.staging.skip_suppressed import skip_suppressed
from connector.staging.staged import Staged
from connector.staging.storage.batcher import DEFAULT_LIMITS, BatchLimits
from connector.staging.storage.deletion_mask import DeletionMask, write_deletions
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import EventsFile, StagedBatch
from connector.staging.streaming import StreamingStage
from connector.transform.rules import EventRules
from connector.transform.suppression_filter import SuppressionFilter

if TYPE_CHECKING:
    from connector.staging.splits import StagedSplit, StagedSplits

NO_SUPPRESSION = SuppressionFilter()

EVENTS_HERE = 500_000
"""The most repeated events of splits that are merged without tasks."""

OnProgress = Callable[[int], None]
"""Called with the number of rows read so far."""


def stage(
    rows: Iterable[HashedRows],
    directory: Path,
    rules: EventRules,
    *,
    delivered_keys: DeliveredKeys = no_delivered_keys,
    suppressed: SuppressionFilter = NO_SUPPRESSION,
    on_progress: OnProgress = lambda _: None,
    streaming: StreamingStage | None = None,
    limits: BatchLimits = DEFAULT_LIMITS,
    splits: "StagedSplits | None" = None,
) -> Staged:
    """Stage a whole result in the folder `directory`, which is created, and skip delivered and suppressed events.

    No identifier of a suppressed person is written. With `streaming`, for results without line items, events that are
    certainly new are published while the result is read. With `splits`, which tasks have staged, there are no `rows`.
    Raises OSError if the disk fails; then nothing that was written counts.
    """
    make_private_folder(directory, exist_ok=streaming is not None or splits is not None)
    if streaming:
        _sync(directory.parent, directory.parent.parent)
    keys = streaming.keys if streaming else KeyFile(directory)
    with ExitStack() as stack:
        excluded = ExcludedRowWriter(directory, "staging")
        stack.callback(excluded.discard)
        stack.callback(keys.remove)
        staged = Staged(streaming.earlier_rows if streaming else 0)
        staging = _Staging(directory, staged, excluded, suppressed, keys, limits, streaming)
        if streaming:
            streaming.load_keys(delivered_keys())
        if splits is None:
            staging.read(rows, on_progress)
        else:
            staging.adopt(splits)
        staging.deduplicate(rules, splits)
        staging.remove(skip_suppressed(directory, staging.unchecked(), staging.deletions, suppressed))
        staging.remove(skip_delivered(directory, keys, staging.batches, staging.deletions, delivered_keys))
        staging.compact()
        excluded.close()
    staging.finish()
    _sync(directory, directory.parent, directory.parent.parent)
    return staging.staged


def _sync(*folders: Path) -> None:
    for folder in folders:
        sync(folder)


@dataclass
class _Staging:
    """A stage being written: its batches so far, and the events that were deleted from them."""

    directory: Path
    staged: Staged
    excluded: ExcludedRowWriter
    suppressed: SuppressionFilter
    keys: KeyFile
    limits: BatchLimits
    streaming: StreamingStage | None = None
    batches: list[StagedBatch] = field(default_factory=list)
    deletions: DeletionMask = field(init=False)
    checked: set[StagedBatch] = field(default_factory=set)
    """Batches of which no event is about a suppressed person."""

    def __post_init__(self) -> None:
        self.deletions = DeletionMask(self.keys)

    def read(self, rows: Iterable[HashedRows], on_progress: OnProgress) -> None:
        """Write the events of the result as it comes."""
        with EventsFile(self.directory, "events.arrow", self.keys, self.limits) as file:
            for part in rows:
                self.staged.count(part)
                self.excluded.add(self.suppressed.redact(part.excluded))
                self.keys.block(part.blocked_keys)
                self.keys.add_undecided(part.undecided)
                self.keys.add_orphans(part.orphans)
                for events in part.events:
                    file.add(self.streaming.take_new(events, self.suppressed) if self.streaming else events)
                if self.streaming:
                    self.streaming.flush()
                on_progress(self.staged.read)
            self.batches = file.finish()
        if self.streaming:
            self.streaming.finish()
            self.staged.published_batches = len(self.streaming.batches)

    def adopt(self, splits: "StagedSplits") -> None:
        """Take over what tasks have staged, as if `read` had written it."""
        splits.write_first_rows(self.directory)
        for split in splits.splits:
            self._adopt(splits, split, self.staged.read)

    def _adopt(self, splits: "StagedSplits", split: "StagedSplit", first_row: int) -> None:
        self.staged.count(splits.counts(split))
        for table in splits.excluded(split, first_row):
            self.excluded.add(self.suppressed.redact(table))
        batches, unchecked = splits.batches(split)
        splits.adopt_keys(split, batches, self.keys)
        self.batches.extend(batches)
        if splits.are_current:
            self.checked.update(batches)
            self.checked.difference_update(unchecked)

    def unchecked(self) -> list[StagedBatch]:
        """Return the batches of which it is not known that none of their events is about a suppressed person."""
        return [batch for batch in self.batches if batch not in self.checked] if self.checked else self.batches

    def deduplicate(self, rules: EventRules, splits: "StagedSplits | None") -> None:
        """Merge events whose rows lie apart, so that every key is there once and no blocked key is."""
        published = self.streaming.batches if self.streaming else []
        earlier_events = self.streaming.earlier_events if self.streaming else 0
        block_incomplete(self.directory, self.keys, self.batches)
        with find_repeated(self.directory, self.keys) as repeated:
            if splits is not None and splits.run_tasks is not None and repeated.events > EVENTS_HERE:
                self._merge_in_tasks(splits, rules, repeated)
                return
            batches = published + self.batches
            self.replace(
                deduplicate(self.directory, self.keys, batches, rules, repeated, earlier_events=earlier_events)
            )

    def _merge_in_tasks(self, splits: "StagedSplits", rules: EventRules, repeated: RepeatedKeys) -> None:
        from connector.staging.merge import merge_in_tasks

        for merged in merge_in_tasks(self.directory, splits, repeated, line_items=rules.line_items):
            self._adopt(splits, merged, 0)
            self.deletions.add(splits.removed(merged))

    def replace(self, edits: Iterator[StageEdit]) -> None:
        """Delete events, and write the events that replace them to another file."""
        self._write("joined.arrow", (events for edit in edits for events in self._apply(edit)))

    def remove(self, edits: Iterator[StageEdit]) -> None:
        """Delete events that nothing replaces."""
        for edit in edits:
            self._apply(edit)

    def compact(self) -> None:
        """Replace sparse batches by another file with their remaining events."""
        sparse = [batch for batch in self.batches if is_sparse(batch, self.deletions)]
        self.batches = [batch for batch in self.batches if not is_sparse(batch, self.deletions)]
        self._write("rest.arrow", remaining_events(self.directory, sparse, self.deletions))

    def _write(self, name: str, stream: Iterator[HashedEvents]) -> None:
        """Write events to a file and fsync it, if there are any."""
        first = next(stream, None)
        if first is None:
            return
        with EventsFile(self.directory, name, self.keys, self.limits) as file:
            for events in chain([first], stream):
                file.add(events)
            self.batches = self.batches + file.finish()

    def _apply(self, edit: StageEdit) -> list[HashedEvents]:
        self.staged.change(edit)
        self.staged.read -= edit.rows_read_before
        for table in edit.excluded:
            self.excluded.add(self.suppressed.redact(table))
        self.deletions.add(edit.removed)
        return edit.events

    def finish(self) -> None:
        """Assign numbers to the batches that have remaining events."""
        write_deletions(self.directory, self.batches, self.deletions)
        self.staged.batches = list(
            _numbered(self.batches, self.deletions, self.directory, self.staged.published_batches)
        )
        self.staged.warnings = +self.staged.warnings
        self.staged.identical_value = {name: value for name, value in self.staged.identical_value.items() if value}


def _numbered(
    batches: list[StagedBatch], deletions: DeletionMask, directory: Path, first: int
) -> Iterator[BatchRecord]:
    with StageReader(directory) as reader:
        for number, batch in enumerate(batches, first):
            rows = batch.rows
            deleted = deletions.flags(batch)
            if deleted.any():
                remaining = reader.whole(batch.file, batch.index)["rows"].filter(pa.array(~deleted))
                rows = pc.sum(pc.list_value_length(remaining)).as_py()
            yield BatchRecord(number, batch.route, batch.file, batch.index, deletions.remaining(batch), rows)


_SPARSE_BELOW = 0.5


def is_sparse(batch: StagedBatch, deletions: DeletionMask) -> bool:
    """Return whether less than half of the events of a batch remain."""
    return deletions.remaining(batch) < _SPARSE_BELOW * batch.events


def remaining_events(
    directory: Path, batches: Iterable[StagedBatch], deletions: DeletionMask
) -> Iterator[HashedEvents]:
    """Yield the events of each batch that were not deleted, if there are any."""
    with StageReader(directory) as stage:
        for batch in batches:
            if deletions.remaining(batch):
                remaining = stage.whole(batch.file, batch.index).filter(pa.array(~deletions.flags(batch)))
                yield HashedEvents(batch.route, pa.Table.from_batches([remaining]))
