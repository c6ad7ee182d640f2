"""Events that were delivered before, or may have been, are taken out of a stage."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.outcomes import Skip
from connector.ledger.records import SentKeys
from connector.staging.deduplicate import StageEdit
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.key_file import KeyFile, Numbers
from connector.staging.storage.keys import Keys, keys_from
from connector.staging.storage.prefix_filter import KeySet, PrefixFilter
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch

Known = Callable[[], Iterable[SentKeys]]
"""All keys that are known from before; asked for more than once where a result is large."""

KEYS_AT_ONCE = 4_000_000
BATCHES_AT_ONCE = 50


def nothing_known() -> Iterable[SentKeys]:
    """Where no event counts as delivered."""
    return ()


def leave_out_known(
    directory: Path,
    keys: KeyFile,
    batches: list[StagedBatch],
    removed: DeletionMask,
    known: Known,
) -> Iterator[StageEdit]:
    """What has to change in the staged `batches`, of which some events are `removed` already."""
    if next(iter(known()), None) is None:
        return
    found: dict[StagedBatch, _Found] = {}
    for wanted in keys.shares(KEYS_AT_ONCE):
        delivered, lost = likely_known(PrefixFilter(wanted), known())
        if len(delivered) or len(lost):
            _find(keys, batches, KeySet(delivered), KeySet(lost), found)
    some = list(found.items())
    with StageReader(directory) as stage:
        for start in range(0, len(some), BATCHES_AT_ONCE):
            yield _taken_out(stage, some[start : start + BATCHES_AT_ONCE], removed)


@dataclass(slots=True)
class _Found:
    """Positions of events of a batch that were delivered, and of those that may have been."""

    delivered: list[npt.NDArray[np.uint16]] = field(default_factory=list)
    lost: list[npt.NDArray[np.uint16]] = field(default_factory=list)


def likely_known(sieve: PrefixFilter, known: Iterable[SentKeys]) -> tuple[Keys, Keys]:
    """Of the known keys those that are likely wanted: delivered ones, and lost ones."""
    delivered, lost = [np.empty((0, 2), np.uint64)], [np.empty((0, 2), np.uint64)]
    for some in known:
        (lost if some.lost else delivered).append(sieve.among(keys_from(some.keys)))
    return np.concatenate(delivered), np.concatenate(lost)


def _find(
    keys: KeyFile, batches: list[StagedBatch], delivered: KeySet, lost: KeySet, found: dict[StagedBatch, _Found]
) -> None:
    for start in range(0, len(batches), BATCHES_AT_ONCE):
        some = batches[start : start + BATCHES_AT_ONCE]
        own = [keys.of(batch.file, batch.index) for batch in some]
        together = np.concatenate(own)
        ends = np.cumsum([len(one) for one in own])[:-1]
        done = delivered.has(together)
        maybe = lost.has(together) & ~done
        for batch, surely, perhaps in zip(some, np.split(done, ends), np.split(maybe, ends), strict=True):
            if surely.any() or perhaps.any():
                one = found.setdefault(batch, _Found())
                one.delivered.append(np.flatnonzero(surely).astype(np.uint16))
                one.lost.append(np.flatnonzero(perhaps).astype(np.uint16))


def _taken_out(stage: StageReader, found: list[tuple[StagedBatch, _Found]], removed: DeletionMask) -> StageEdit:
    gone: list[Numbers] = []
    skipped: dict[Skip, list[pa.RecordBatch]] = {Skip.ALREADY_DELIVERED: [], Skip.ANSWER_LOST: []}
    for batch, one in found:
        events = stage.whole(batch.file, batch.index)
        left = ~removed.of(batch)
        delivered = _flags(events.num_rows, one.delivered) & left
        lost = _flags(events.num_rows, one.lost) & left & ~delivered
        skipped[Skip.ALREADY_DELIVERED].append(events.filter(pa.array(delivered)))
        skipped[Skip.ANSWER_LOST].append(events.filter(pa.array(lost)))
        gone.append(removed.numbers(batch, delivered | lost))
    step = StageEdit(removed=np.concatenate(gone))
    for reason, parts in skipped.items():
        events = pa.Table.from_batches(parts)
        step.leave_out(events, reason, brief=True)
        step.take_back(events)
    return step


def _flags(size: int, positions: Iterable[npt.NDArray[np.integer]]) -> npt.NDArray[np.bool_]:
    flags = np.zeros(size, np.bool_)
    for some in positions:
        flags[some] = True
    return flags
