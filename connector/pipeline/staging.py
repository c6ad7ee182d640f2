"""The query's result, hashed, onto disk: after this the warehouse is needed no more."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.hashed import KEY, HashedRows
from connector.ledger.left_out import LeftOutWriter
from connector.ledger.records import BatchRecord
from connector.pipeline.settle import Positions, Settlement, settle
from connector.stage.keys import KeyFile
from connector.stage.reader import StageReader, write_removed
from connector.stage.writer import EventsFile, StagedBatch

Read = Callable[[int], None]
"""Told how many rows have been read so far."""


@dataclass
class Staged:
    """What staging counted, in rows, and the batches it cut."""

    read: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    batches: list[BatchRecord] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Rows that were rejected, for whatever reason."""
        return self.rejects.total()

    def count(self, part: HashedRows | Settlement) -> None:
        """Adds the counts of one step."""
        self.rejects.update(part.rejects)
        self.skips.update(part.skips)
        self.warnings.update(part.warnings)


def stage(rows: Iterable[HashedRows], directory: Path, *, line_items: bool, read: Read = lambda _: None) -> Staged:
    """Stages a whole result in the folder `directory`, which is made.

    Raises OSError where the disk fails; then nothing that was written counts.
    """
    directory.mkdir(parents=True)
    staged, keys = Staged(), KeyFile(directory)
    with ExitStack() as stack:
        left_out = LeftOutWriter(directory, "staging")
        stack.callback(left_out.discard)
        first = _stage_events(rows, directory, keys, staged, left_out, read)
        removed: dict[StagedBatch, list[Positions]] = {}
        further = _settle(settle(directory, keys, first, line_items=line_items), directory, staged, left_out, removed)
        left_out.close()
    keys.remove()
    if removed:
        write_removed(directory, {batch: np.concatenate(positions) for batch, positions in removed.items()})
    staged.batches = list(_numbered(first + further, removed, directory))
    staged.warnings = +staged.warnings
    return staged


def _stage_events(
    rows: Iterable[HashedRows],
    directory: Path,
    keys: KeyFile,
    staged: Staged,
    left_out: LeftOutWriter,
    read: Read,
) -> list[StagedBatch]:
    file = EventsFile(directory, "events.arrow")
    try:
        for part in rows:
            staged.read += part.read
            staged.count(part)
            left_out.add(part.left_out)
            keys.add(_keys(part), part.barred)
            for events in part.events:
                file.add(events)
            read(staged.read)
        return file.finish()
    except BaseException:
        file.close()
        raise


def _keys(part: HashedRows) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for events in part.events for chunk in events.table["key"].chunks], KEY)


def _settle(
    settlements: Iterator[Settlement],
    directory: Path,
    staged: Staged,
    left_out: LeftOutWriter,
    removed: dict[StagedBatch, list[Positions]],
) -> list[StagedBatch]:
    first = next(settlements, None)
    if first is None:
        return []
    file = EventsFile(directory, "joined.arrow")
    for settlement in chain([first], settlements):
        staged.count(settlement)
        left_out.add(settlement.left_out)
        for batch, positions in settlement.removed.items():
            removed.setdefault(batch, []).append(positions)
        for events in settlement.events:
            file.add(events)
    return file.finish()


def _numbered(
    batches: list[StagedBatch], removed: dict[StagedBatch, list[Positions]], directory: Path
) -> Iterator[BatchRecord]:
    number = 0
    with StageReader(directory) as reader:
        for batch in batches:
            events, rows = batch.events, batch.rows
            if batch in removed:
                left = reader.events(batch.file, batch.index)
                events, rows = left.num_rows, pc.sum(pc.list_value_length(left["rows"])).as_py() or 0
            if events:
                yield BatchRecord(number, batch.route, batch.file, batch.index, events, rows)
                number += 1
