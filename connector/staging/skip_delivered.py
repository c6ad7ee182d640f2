"""Choose the keys that count as delivered, and skip the staged events that have one of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.outcomes import Skip
from connector.ledger.batch_records import KeyPeriods, SentKeys
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import Scope
from connector.staging.deduplicate import StageEdit
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.key_file import EventNumbers, KeyFile
from connector.staging.storage.keys import Keys, keys_from
from connector.staging.storage.prefix_filter import KeySet, PrefixFilter
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch

DeliveredKeys = Callable[[], Iterable[SentKeys]]
"""Returns all keys that count as delivered; called several times for a large result."""

KEYS_AT_ONCE = 4_000_000
BATCHES_AT_ONCE = 50


def no_delivered_keys() -> Iterable[SentKeys]:
    """Return no keys: no event counts as delivered."""
    return ()


def skip_delivered(
    directory: Path,
    keys: KeyFile,
    batches: list[StagedBatch],
    deletions: DeletionMask,
    delivered_keys: DeliveredKeys,
) -> Iterator[StageEdit]:
    """Yield the edits that skip delivered events in the staged `batches`, except events that are deleted already."""
    if next(iter(delivered_keys()), None) is None:
        return
    matches: dict[StagedBatch, _Matches] = {}
    for low in keys.partitions(KEYS_AT_ONCE):
        delivered, lost = candidate_keys(PrefixFilter(low), delivered_keys())
        if len(delivered) or len(lost):
            _add_matches(keys, batches, KeySet(delivered), KeySet(lost), matches)
    batch_matches = list(matches.items())
    with StageReader(directory) as stage:
        for start in range(0, len(batch_matches), BATCHES_AT_ONCE):
            yield _edit(stage, batch_matches[start : start + BATCHES_AT_ONCE], deletions)


@dataclass(slots=True)
class _Matches:
    """The events of a batch that match delivered keys."""

    delivered: list[npt.NDArray[np.uint16]] = field(default_factory=list)
    """Positions of events that were delivered."""
    lost: list[npt.NDArray[np.uint16]] = field(default_factory=list)
    """Positions of events whose answer was lost."""


def candidate_keys(prefixes: PrefixFilter, delivered_keys: Iterable[SentKeys]) -> tuple[Keys, Keys]:
    """Return the keys that pass the filter: those that were delivered, and those whose answer was lost."""
    delivered, lost = [np.empty((0, 2), np.uint64)], [np.empty((0, 2), np.uint64)]
    for sent in delivered_keys:
        (lost if sent.answer_lost else delivered).append(prefixes.candidates(keys_from(sent.keys)))
    return np.concatenate(delivered), np.concatenate(lost)


def _add_matches(
    keys: KeyFile, batches: list[StagedBatch], delivered: KeySet, lost: KeySet, matches: dict[StagedBatch, _Matches]
) -> None:
    for start in range(0, len(batches), BATCHES_AT_ONCE):
        part = batches[start : start + BATCHES_AT_ONCE]
        batch_keys = [keys.of_batch(batch.file, batch.index) for batch in part]
        all_keys = np.concatenate(batch_keys)
        ends = np.cumsum([len(own) for own in batch_keys])[:-1]
        is_delivered = delivered.contains(all_keys)
        is_lost = lost.contains(all_keys) & ~is_delivered
        for batch, delivered_here, lost_here in zip(
            part, np.split(is_delivered, ends), np.split(is_lost, ends), strict=True
        ):
            if delivered_here.any() or lost_here.any():
                batch_matches = matches.setdefault(batch, _Matches())
                batch_matches.delivered.append(np.flatnonzero(delivered_here).astype(np.uint16))
                batch_matches.lost.append(np.flatnonzero(lost_here).astype(np.uint16))


def _edit(stage: StageReader, matches: list[tuple[StagedBatch, _Matches]], deletions: DeletionMask) -> StageEdit:
    numbers: list[EventNumbers] = []
    skipped: dict[Skip, list[pa.RecordBatch]] = {Skip.ALREADY_DELIVERED: [], Skip.ANSWER_LOST: []}
    for batch, batch_matches in matches:
        events = stage.whole(batch.file, batch.index)
        is_present = ~deletions.flags(batch)
        delivered = _flags(events.num_rows, batch_matches.delivered) & is_present
        lost = _flags(events.num_rows, batch_matches.lost) & is_present & ~delivered
        skipped[Skip.ALREADY_DELIVERED].append(events.filter(pa.array(delivered)))
        skipped[Skip.ANSWER_LOST].append(events.filter(pa.array(lost)))
        numbers.append(deletions.numbers(batch, delivered | lost))
    edit = StageEdit(removed=np.concatenate(numbers))
    for reason, parts in skipped.items():
        events = pa.Table.from_batches(parts)
        edit.exclude(events, reason, brief=True)
        edit.retract_warnings(events)
    return edit


def _flags(size: int, positions: Iterable[npt.NDArray[np.integer]]) -> npt.NDArray[np.bool_]:
    flags = np.zeros(size, np.bool_)
    for part in positions:
        flags[part] = True
    return flags


MARGIN = timedelta(hours=26)
"""Added to `max_age_days` for keys: a row may lie a little in the future and so be recent for longer, and a date
without a time is recent until the end of its last day, which may have 25 hours."""


def delivered_keys(
    ledger: Ledger,
    scope: Scope,
    *,
    max_age_days: int,
    resend_window: timedelta | None,
    test_event_code: str | None,
    resend_unknown: bool = False,
    except_run: str | None = None,
) -> DeliveredKeys:
    """Return the keys that count as delivered for a run in this scope, without those of `except_run`.

    Test events never count as delivered, and no event does for a run with test events. Events whose answer was lost
    longer than `resend_window` ago count as delivered unless `resend_unknown`; without a window, none of them does.
    """
    if test_event_code is not None:
        return no_delivered_keys
    now = datetime.now(UTC)
    lost = None if resend_unknown or resend_window is None else now - resend_window
    periods = KeyPeriods(now - timedelta(days=max_age_days) - MARGIN, lost)
    return lambda: ledger.delivered.sent(scope, periods, excluding=except_run)


def key_expiry(max_age_days: int, test_event_code: str | None) -> datetime | None:
    """Return the moment until which the keys of events that are sent now are kept; None: they are not kept."""
    if test_event_code is not None:
        return None
    return datetime.now(UTC) + timedelta(days=max_age_days) + 2 * MARGIN
