"""What is open of a run, compared with what other runs have delivered meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.outcomes import Skip
from connector.ledger.ledger import Ledger
from connector.ledger.records import BatchSlice, OpenBatch
from connector.staging.skip_delivered import KEYS_AT_ONCE, Known, likely_known
from connector.staging.skip_suppressed import forgotten_by
from connector.staging.storage.batcher import BATCH_EVENTS
from connector.staging.storage.keys import Keys, halves
from connector.staging.storage.prefix_filter import KeySet, PrefixFilter
from connector.staging.storage.reader import StageReader

_BATCHES_AT_ONCE = KEYS_AT_ONCE // BATCH_EVENTS

_Flags = npt.NDArray[np.bool_]


def leave_out_delivered(ledger: Ledger, run_id: str, directory: Path, known: Known) -> None:
    """Skip the open events of a staged run that another run has delivered since, or may have."""
    batches = ledger.batches.open(run_id)
    with StageReader(directory) as stage:
        for start in range(0, len(batches), _BATCHES_AT_ONCE):
            some = batches[start : start + _BATCHES_AT_ONCE]
            keys = np.concatenate([_keys(stage, batch) for batch in some])
            delivered, lost = likely_known(PrefixFilter(np.unique(keys[:, 0])), known())
            sets = KeySet(delivered), KeySet(lost)
            for batch in some if len(delivered) or len(lost) else ():
                for part in _skipped(stage, batch, *sets):
                    ledger.batches.settled(run_id, part)


def leave_out_suppressed(ledger: Ledger, run_id: str, directory: Path) -> None:
    """Skip the open events of a staged run about people who are to be forgotten since."""
    forgotten = forgotten_by(ledger)
    if not forgotten:
        return
    with StageReader(directory) as stage:
        for batch in ledger.batches.open(run_id):
            events = _events(stage, batch)
            about = forgotten.among(events) & open_events(batch, events.num_rows)
            for part in skipped_parts(batch, events, Skip.SUPPRESSED, about):
                ledger.batches.settled(run_id, part)


def _keys(stage: StageReader, batch: OpenBatch) -> Keys:
    return halves(_events(stage, batch)["key"])


def _events(stage: StageReader, batch: OpenBatch) -> pa.RecordBatch:
    return stage.events(batch.record.file, batch.record.place, batch.record.events)


def _skipped(stage: StageReader, batch: OpenBatch, delivered: KeySet, lost: KeySet) -> Iterator[BatchSlice]:
    events = _events(stage, batch)
    keys = halves(events["key"])
    open_ = open_events(batch, len(keys))
    done = delivered.has(keys) & open_
    yield from skipped_parts(batch, events, Skip.ALREADY_DELIVERED, done)
    yield from skipped_parts(batch, events, Skip.ANSWER_LOST, lost.has(keys) & open_ & ~done)


def open_events(batch: OpenBatch, events: int) -> _Flags:
    """Of each event of a batch, whether it is open."""
    flags = np.zeros(events, np.bool_)
    for first, count in batch.gaps():
        flags[first : first + count] = True
    return flags


def skipped_parts(batch: OpenBatch, events: pa.RecordBatch, reason: Skip, flags: _Flags) -> Iterator[BatchSlice]:
    """The stretches of a batch that are skipped."""
    rows = pc.list_value_length(events["rows"]).to_numpy()
    for first, count in _stretches(flags):
        some = int(rows[first : first + count].sum())
        yield BatchSlice(batch.record.number, first, count, some, "skipped", reason)


def _stretches(flags: _Flags) -> list[tuple[int, int]]:
    """Where a flag is set, as (first, how many)."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
