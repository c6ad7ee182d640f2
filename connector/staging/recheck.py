"""Recheck the open events of a staged run against what was delivered or suppressed since."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.outcomes import Skip
from connector.ledger.batch_records import BatchSlice, OpenBatch
from connector.ledger.ledger import Ledger
from connector.staging.skip_delivered import KEYS_AT_ONCE, DeliveredKeys, candidate_keys
from connector.staging.skip_suppressed import suppression_filter
from connector.staging.storage.batcher import BATCH_EVENTS
from connector.staging.storage.keys import Keys, as_uint64_pairs
from connector.staging.storage.prefix_filter import KeySet, PrefixFilter
from connector.staging.storage.reader import StageReader

_BATCHES_AT_ONCE = KEYS_AT_ONCE // BATCH_EVENTS

_Flags = npt.NDArray[np.bool_]


def recheck_delivered(ledger: Ledger, run_id: str, directory: Path, delivered_keys: DeliveredKeys) -> None:
    """Skip the open events of a staged run that another run has delivered since, or may have."""
    batches = ledger.batches.open(run_id)
    with StageReader(directory) as stage:
        for start in range(0, len(batches), _BATCHES_AT_ONCE):
            part = batches[start : start + _BATCHES_AT_ONCE]
            keys = np.concatenate([_keys(stage, batch) for batch in part])
            delivered, lost = candidate_keys(PrefixFilter(np.unique(keys[:, 0])), delivered_keys())
            sets = KeySet(delivered), KeySet(lost)
            for batch in part if len(delivered) or len(lost) else ():
                for skipped in _skipped(stage, batch, *sets):
                    ledger.batches.settled(run_id, skipped)


def recheck_suppressed(ledger: Ledger, run_id: str, directory: Path) -> None:
    """Skip the open events of a staged run about people who were suppressed since."""
    suppressed = suppression_filter(ledger)
    if not suppressed:
        return
    with StageReader(directory) as stage:
        for batch in ledger.batches.open(run_id):
            events = _events(stage, batch)
            flags = suppressed.match_events(events) & open_flags(batch, events.num_rows)
            for skipped in skipped_slices(batch, events, Skip.SUPPRESSED, flags):
                ledger.batches.settled(run_id, skipped)


def _keys(stage: StageReader, batch: OpenBatch) -> Keys:
    return as_uint64_pairs(_events(stage, batch)["key"])


def _events(stage: StageReader, batch: OpenBatch) -> pa.RecordBatch:
    return stage.events(batch.record.file, batch.record.position, batch.record.events)


def _skipped(stage: StageReader, batch: OpenBatch, delivered: KeySet, lost: KeySet) -> Iterator[BatchSlice]:
    events = _events(stage, batch)
    keys = as_uint64_pairs(events["key"])
    is_open = open_flags(batch, len(keys))
    is_delivered = delivered.contains(keys) & is_open
    yield from skipped_slices(batch, events, Skip.ALREADY_DELIVERED, is_delivered)
    yield from skipped_slices(batch, events, Skip.ANSWER_LOST, lost.contains(keys) & is_open & ~is_delivered)


def open_flags(batch: OpenBatch, events: int) -> _Flags:
    """Return a flag for each event of a batch: true if it is open."""
    flags = np.zeros(events, np.bool_)
    for first, count in batch.pending_ranges():
        flags[first : first + count] = True
    return flags


def skipped_slices(batch: OpenBatch, events: pa.RecordBatch, reason: Skip, flags: _Flags) -> Iterator[BatchSlice]:
    """Yield the slices of a batch that are skipped because of a flag."""
    rows = pc.list_value_length(events["rows"]).to_numpy()
    for first, count in _flagged_ranges(flags):
        row_count = int(rows[first : first + count].sum())
        yield BatchSlice(batch.record.number, first, count, row_count, "skipped", reason)


def _flagged_ranges(flags: _Flags) -> list[tuple[int, int]]:
    """Return the ranges in which every flag is set, as (first, count)."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
