"""Merge events whose rows lie in different slices of a result, once all of it is staged.

Most results need little of this: their rows come sorted, and only events at the edge of a slice are affected. If rows
come in any order, all events are affected: they are partitioned by their keys so that each partition fits into memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.hashed_rows import EVENTS, HashedEvents
from connector.core.outcomes import Reason, Skip
from connector.core.route import Route
from connector.staging.storage.bloom_filter import BITS, BloomFilter
from connector.staging.storage.event_partitions import EventPartitions
from connector.staging.storage.key_file import EventNumbers, KeyFile
from connector.staging.storage.key_list import KeyList, partition_count
from connector.staging.storage.keys import Keys, as_uint64_pairs, partition_order
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch
from connector.transform.changes import EventChanges
from connector.transform.grouping import group
from connector.transform.line_items import decide
from connector.transform.orphans import OrphanSearch
from connector.transform.rules import EventRules

Positions = npt.NDArray[np.int64]
EVENTS_AT_ONCE = 60_000
BLOCKED_FILE = "barring-keys"
_BITS_PER_EVENT = 16


@dataclass(slots=True, kw_only=True)
class StageEdit(EventChanges):
    """One step of changes to a stage: `removed` events are deleted, `events` are added, and counts change."""

    removed: EventNumbers
    """The numbers of the deleted events, as `KeyFile` assigns them."""
    rows_read_before: int = 0
    """Rows that an earlier attempt has read and counted."""


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """The keys that a stage has more than once, or that are blocked or undecided."""

    marks: BloomFilter
    """Contains all of them, and perhaps a few others."""
    blocked: KeyList
    """The blocked ones."""
    events: int
    """The number of their events."""


@contextmanager
def find_repeated(directory: Path, keys: KeyFile) -> Iterator[RepeatedKeys]:
    """Find the repeated keys of a stage; those that are blocked lie in a file until the block ends."""
    blocked = KeyList(directory / BLOCKED_FILE)
    try:
        yield RepeatedKeys(*_mark_repeated(keys, blocked))
    finally:
        blocked.remove()


def deduplicate(
    directory: Path,
    keys: KeyFile,
    batches: list[StagedBatch],
    rules: EventRules,
    repeated: RepeatedKeys,
    *,
    earlier_events: int = 0,
) -> Iterator[StageEdit]:
    """Yield the edits after which every key is in the staged `batches` once, and no blocked key is.

    Undecided events are judged as `decide` does. The first `earlier_events` were staged by an earlier attempt: the
    first event that repeats one of theirs is that event, read again.
    """
    if not repeated.events:
        return
    partitions = partition_count(repeated.events, EVENTS_AT_ONCE)
    with (
        EventPartitions(directory, partitions) as events,
        repeated.blocked.partitioned(partitions) as blocked,
    ):
        routes = _collect(directory, keys, batches, repeated.marks, events)
        for partition, blocked_here in zip(events.read(), blocked, strict=True):
            yield from edits_of(partition, routes, blocked_here, rules, earlier_events)


def edits_of(
    numbered: pa.Table,
    routes: Sequence[Route],
    blocked_keys: Keys,
    rules: EventRules,
    earlier_events: int = 0,
    *,
    rewrite: bool = False,
) -> Iterator[StageEdit]:
    """Yield the edits for all events (schema NUMBERED) with the keys of a partition, by route.

    With `rewrite`, events with line items replace themselves even if they are not changed.
    """
    for route, of_route in _by_route(numbered, routes):
        yield _edit(route, of_route, blocked_keys, rules, earlier_events, rewrite=rewrite)


def block_incomplete(directory: Path, keys: KeyFile, batches: list[StagedBatch]) -> None:
    """Block the events to which orphan rows may belong, since they may be incomplete."""
    for orphans in keys.orphans():
        with StageReader(directory) as stage, OrphanSearch() as search:
            for batch in batches:
                table = pa.table(stage.whole(batch.file, batch.index))
                lacking = search.may_lack_rows(HashedEvents(batch.route, table), orphans)
                keys.block(table["key"].filter(pa.array(lacking)))


def _mark_repeated(keys: KeyFile, blocked_keys: KeyList) -> tuple[BloomFilter, KeyList, int]:
    """Mark the keys that a stage has more than once or that are blocked or undecided, and count their events.

    The blocked ones are added to `blocked_keys`.
    """
    marks, events = BloomFilter(min(1 << (_BITS_PER_EVENT * keys.count + 8).bit_length(), BITS)), 0
    for repeated in keys.repeated():
        marks.add(repeated.low)
        blocked_keys.add(repeated.blocked)
        events += repeated.events
    return marks, blocked_keys, events


def _collect(
    directory: Path, keys: KeyFile, batches: list[StagedBatch], repeated: BloomFilter, partitions: EventPartitions
) -> list[Route]:
    """Add the events that may be repeated to the partitions, and return the routes by their numbers."""
    routes: dict[Route, int] = {}
    with StageReader(directory) as stage:
        for batch in batches:
            positions = np.flatnonzero(repeated.may_contain(keys.of_batch(batch.file, batch.index)[:, 0]))
            if len(positions):
                events = stage.whole(batch.file, batch.index).take(pa.array(positions))
                first = keys.first_number(batch.file, batch.index)
                partitions.add(events, first + positions, routes.setdefault(batch.route, len(routes)))
    return list(routes)


def _by_route(events: pa.Table, routes: Sequence[Route]) -> Iterator[tuple[Route, pa.Table]]:
    order, bounds = partition_order(events["route"].to_numpy(), len(routes))
    ordered = events.take(pa.array(order)) if len(routes) > 1 else events
    for number in np.flatnonzero(np.diff(bounds)).tolist():
        yield routes[number], ordered.slice(bounds[number], bounds[number + 1] - bounds[number])


def _edit(
    route: Route, numbered: pa.Table, blocked_keys: Keys, rules: EventRules, earlier_events: int, *, rewrite: bool
) -> StageEdit:
    parts, numbers = numbered.select(EVENTS.names), numbered["number"].to_numpy()
    keys = as_uint64_pairs(parts["key"])
    is_blocked = _contained_in(keys, blocked_keys)
    grouped = group(parts, is_blocked, line_items=rules.line_items)
    if not rules.line_items:
        read_again = _read_again(keys, grouped.duplicates, int(np.count_nonzero(numbers < earlier_events)))
        duplicates = parts.take(pa.array(np.setdiff1d(grouped.duplicates, read_again)))
        edit = StageEdit(removed=numbers[grouped.duplicates], rows_read_before=len(read_again))
        edit.exclude(duplicates, Skip.DUPLICATE)
        edit.retract_warnings(duplicates)
        return edit
    decided = decide(grouped.events, rules)
    changed = np.ones(len(keys), np.bool_)
    if not rewrite:
        changed = _is_repeated(parts["key"]) | is_blocked | _contained_in(keys, as_uint64_pairs(decided.changed))
    edit = StageEdit(removed=numbers[changed])
    edit.exclude(parts.filter(pa.array(is_blocked)), Reason.INCOMPLETE_EVENT)
    for reason, events in decided.excluded.items():
        edit.exclude(events, reason)
    events = decided.events if rewrite else _with_changed_part(decided.events, parts, changed)
    edit.add_events(HashedEvents(route, events))
    edit.retract_warnings(parts.filter(pa.array(changed)))
    return edit


def _with_changed_part(events: pa.Table, parts: pa.Table, changed: npt.NDArray[np.bool_]) -> pa.Table:
    """Return the events of which some part has changed."""
    keys = as_uint64_pairs(parts["key"].filter(pa.array(changed)))
    return events.filter(pa.array(_contained_in(as_uint64_pairs(events["key"]), keys)))


def _read_again(pairs: Keys, duplicates: Positions, earlier_parts: int) -> Positions:
    """Return the positions of those duplicates that are the first to repeat one of the first `earlier_parts`."""
    keys = _as_void(pairs)
    repeating = duplicates[np.isin(keys[duplicates], keys[:earlier_parts])]
    return repeating[np.unique(keys[repeating], return_index=True)[1]]


def _is_repeated(keys: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    numbers = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray(np.bincount(numbers)[numbers] > 1)


def _contained_in(keys: Keys, others: Keys) -> npt.NDArray[np.bool_]:
    return np.isin(_as_void(keys), _as_void(others))


def _as_void(keys: Keys) -> npt.NDArray[np.void]:
    return np.ascontiguousarray(keys).view(np.dtype((np.void, 16))).reshape(-1)
