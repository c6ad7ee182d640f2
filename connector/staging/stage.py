"""The query's result, hashed, onto disk: after this the warehouse is needed no more."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import make_private_folder, sync
from connector.core.hashed import HashedEvents, HashedRows
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.ledger.records import BatchRecord
from connector.staging.compaction import is_sparse, left_of
from connector.staging.deduplicate import StageEdit, bar_incomplete, settle
from connector.staging.skip_delivered import Known, leave_out_known, nothing_known
from connector.staging.skip_suppressed import leave_out_forgotten
from connector.staging.staged import Staged
from connector.staging.storage.deletion_mask import DeletionMask, write_removed
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import EventsFile, StagedBatch
from connector.staging.streaming import StreamingStage
from connector.transform.changes import add_values
from connector.transform.rules import EventRules
from connector.transform.suppression import SuppressionFilter

NOBODY = SuppressionFilter()

Read = Callable[[int], None]
"""Told how many rows have been read so far."""


def stage(
    rows: Iterable[HashedRows],
    directory: Path,
    rules: EventRules,
    *,
    known: Known = nothing_known,
    forgotten: SuppressionFilter = NOBODY,
    read: Read = lambda _: None,
    early: StreamingStage | None = None,
) -> Staged:
    """Stages a whole result in the folder `directory`, which is made; events that are known are left out.

    So are those about people who are `forgotten`, of whom nothing is written down.

    With `early`, for results without line items, what need not wait for the end is handed on meanwhile.

    Raises OSError where the disk fails; then nothing that was written counts.
    """
    make_private_folder(directory, exist_ok=early is not None)
    if early:
        _sync(directory.parent, directory.parent.parent)
    keys = early.keys if early else KeyFile(directory)
    with ExitStack() as stack:
        left_out = ExcludedRowWriter(directory, "staging")
        stack.callback(left_out.discard)
        stack.callback(keys.remove)
        staging = _Staging(directory, Staged(early.earlier_rows if early else 0), left_out, forgotten, keys, early)
        if early:
            early.begin(known())
        staging.read(rows, read)
        staging.settle(staging.repeated(rules))
        staging.leave_out(leave_out_forgotten(directory, staging.batches, staging.removed, forgotten))
        staging.leave_out(leave_out_known(directory, keys, staging.batches, staging.removed, known))
        staging.put_together()
        left_out.close()
    staging.finish()
    _sync(directory, directory.parent, directory.parent.parent)
    return staging.staged


def _sync(*folders: Path) -> None:
    for folder in folders:
        sync(folder)


@dataclass
class _Staging:
    """A stage being written: its batches so far, and what has been taken out of them again."""

    directory: Path
    staged: Staged
    left_out: ExcludedRowWriter
    forgotten: SuppressionFilter
    keys: KeyFile
    early: StreamingStage | None = None
    batches: list[StagedBatch] = field(default_factory=list)
    removed: DeletionMask = field(init=False)

    def __post_init__(self) -> None:
        self.removed = DeletionMask(self.keys)

    def _count(self, part: HashedRows | StageEdit) -> None:
        self.staged.rejects.update(part.rejects)
        self.staged.skips.update(part.skips)
        self.staged.warnings.update(part.warnings)
        add_values(self.staged.identical_value, part.identical_value)

    def read(self, rows: Iterable[HashedRows], told: Read) -> None:
        """Writes the events of the result, as it comes."""
        with EventsFile(self.directory, "events.arrow", self.keys) as file:
            for part in rows:
                self.staged.read += part.read
                self._count(part)
                self.staged.phones.update(part.phones)
                self.left_out.add(self.forgotten.without(part.left_out))
                self.keys.bar(part.barred)
                self.keys.add_undecided(part.undecided)
                self.keys.add_orphans(part.orphans)
                for events in part.events:
                    file.add(self.early.rest(events, self.forgotten) if self.early else events)
                if self.early:
                    self.early.flush()
                told(self.staged.read)
            self.batches = file.finish()
        if self.early:
            self.early.finish()
            self.staged.kept = len(self.early.batches)

    def repeated(self, rules: EventRules) -> Iterator[StageEdit]:
        """See `settle`."""
        before = self.early.batches if self.early else []
        earlier = self.early.earlier_events if self.early else 0
        bar_incomplete(self.directory, self.keys, self.batches)
        return settle(self.directory, self.keys, before + self.batches, rules, earlier=earlier)

    def settle(self, steps: Iterator[StageEdit]) -> None:
        """Takes events out, and writes those that are staged anew to a further file."""
        self._write("joined.arrow", (events for step in steps for events in self._taken_out(step)))

    def leave_out(self, steps: Iterator[StageEdit]) -> None:
        """Takes events out, and stages none anew."""
        for step in steps:
            self._taken_out(step)

    def put_together(self) -> None:
        """Writes what is left of sparse batches to a further file, in place of them."""
        sparse = [batch for batch in self.batches if is_sparse(batch, self.removed)]
        self.batches = [batch for batch in self.batches if not is_sparse(batch, self.removed)]
        self._write("rest.arrow", left_of(self.directory, sparse, self.removed))

    def _write(self, name: str, some: Iterator[HashedEvents]) -> None:
        """Writes events to a file, where there are any, and comes back when the disk has it."""
        first = next(some, None)
        if first is None:
            return
        with EventsFile(self.directory, name, self.keys) as file:
            for events in chain([first], some):
                file.add(events)
            self.batches = self.batches + file.finish()

    def _taken_out(self, step: StageEdit) -> list[HashedEvents]:
        self._count(step)
        self.staged.read -= step.read_before
        for table in step.left_out:
            self.left_out.add(self.forgotten.without(table))
        self.removed.add(step.removed)
        return step.events

    def finish(self) -> None:
        """Numbers the batches that have events left."""
        write_removed(self.directory, self.batches, self.removed)
        self.staged.batches = list(_numbered(self.batches, self.removed, self.directory, self.staged.kept))
        self.staged.warnings = +self.staged.warnings
        self.staged.identical_value = {name: value for name, value in self.staged.identical_value.items() if value}


def _numbered(batches: list[StagedBatch], removed: DeletionMask, directory: Path, first: int) -> Iterator[BatchRecord]:
    with StageReader(directory) as reader:
        for number, batch in enumerate(batches, first):
            rows = batch.rows
            if removed.of(batch).any():
                left = reader.whole(batch.file, batch.index)["rows"].filter(pa.array(~removed.of(batch)))
                rows = pc.sum(pc.list_value_length(left)).as_py()
            yield BatchRecord(number, batch.route, batch.file, batch.index, removed.left(batch), rows)
