"""Events whose rows lie in different slices of a result are put together once all of it has been staged.

Most results need little of this: their rows come sorted, and only an event at the edge of a slice is affected. Where
rows come in any order, all events are: those are put into shares by their keys, each of which fits into memory.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.hashed import EVENTS, HashedEvents
from connector.core.outcomes import Reason, Skip
from connector.core.route import Route
from connector.staging.storage.bloom_filter import BITS, BloomFilter
from connector.staging.storage.event_partitions import EventPartitions
from connector.staging.storage.key_file import KeyFile, Numbers
from connector.staging.storage.key_list import KeyList, shares_for
from connector.staging.storage.keys import Keys, halves, in_share_order
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch
from connector.transform.changes import EventChanges
from connector.transform.grouping import group
from connector.transform.line_items import decide
from connector.transform.orphans import OrphanSearch
from connector.transform.rules import EventRules

Positions = npt.NDArray[np.int64]
EVENTS_AT_ONCE = 60_000
_BITS_PER_EVENT = 16


@dataclass(slots=True, kw_only=True)
class StageEdit(EventChanges):
    """One step: events taken out of staged batches, what became of them, and how counts change.

    `removed` are their numbers, as `KeyFile` gives them; `events` are staged anew. `read_before` rows were read by an
    earlier reading, and are counted as its.
    """

    removed: Numbers
    read_before: int = 0


def settle(
    directory: Path, keys: KeyFile, batches: list[StagedBatch], rules: EventRules, *, earlier: int = 0
) -> Iterator[StageEdit]:
    """What has to change in the staged `batches` so that every key stands in them once, and no barred one.

    Events that were undecided are judged as `decide` does. The first `earlier` events are those of an earlier reading:
    the first event that repeats one of theirs is that event, read again.
    """
    with ExitStack() as stack:
        found = KeyList(directory / "barring-keys")
        stack.callback(found.remove)
        repeated, count = _marked(keys, found)
        if not count:
            return
        shares = shares_for(count, EVENTS_AT_ONCE)
        parts = stack.enter_context(EventPartitions(directory, shares))
        barring = stack.enter_context(found.in_shares(shares))
        routes = _collect(directory, keys, batches, repeated, parts)
        for some, barred in zip(parts.read(), barring, strict=True):
            for route, of_route in _by_route(some, routes):
                yield _settled(route, of_route, barred, rules, earlier)


def bar_incomplete(directory: Path, keys: KeyFile, batches: list[StagedBatch]) -> None:
    """Bar the events to which orphan rows may belong: they are not known to be whole."""
    for orphans in keys.orphans():
        with StageReader(directory) as stage, OrphanSearch() as search:
            for batch in batches:
                table = pa.table(stage.whole(batch.file, batch.index))
                lacking = search.may_lack_rows(HashedEvents(batch.route, table), orphans)
                keys.bar(table["key"].filter(pa.array(lacking)))


def _marked(keys: KeyFile, barred: KeyList) -> tuple[BloomFilter, int]:
    """Mark all keys that a stage has more than once, or that are barred or undecided, and count their events.

    The barred ones are added to `barred`.
    """
    marks, events = BloomFilter(min(1 << (_BITS_PER_EVENT * keys.count + 8).bit_length(), BITS)), 0
    for some in keys.repeated():
        marks.add(some.halves)
        barred.add(some.barred)
        events += some.events
    return marks, events


def _collect(
    directory: Path, keys: KeyFile, batches: list[StagedBatch], repeated: BloomFilter, parts: EventPartitions
) -> list[Route]:
    """Takes the events that may be repeated together; gives the routes by which they are numbered."""
    routes: dict[Route, int] = {}
    with StageReader(directory) as stage:
        for batch in batches:
            positions = np.flatnonzero(repeated.may_have(keys.of(batch.file, batch.index)[:, 0]))
            if len(positions):
                events = stage.whole(batch.file, batch.index).take(pa.array(positions))
                first = keys.first(batch.file, batch.index)
                parts.add(events, first + positions, routes.setdefault(batch.route, len(routes)))
    return list(routes)


def _by_route(some: pa.Table, routes: list[Route]) -> Iterator[tuple[Route, pa.Table]]:
    order, bounds = in_share_order(some["route"].to_numpy(), len(routes))
    ordered = some.take(pa.array(order)) if len(routes) > 1 else some
    for number in np.flatnonzero(np.diff(bounds)):
        yield routes[number], ordered.slice(bounds[number], bounds[number + 1] - bounds[number])


def _settled(route: Route, some: pa.Table, barred: Keys, rules: EventRules, earlier: int) -> StageEdit:
    parts, number = some.select(EVENTS.names), some["number"].to_numpy()
    numbers = halves(parts["key"])
    stopped = _is_among(numbers, barred)
    grouped = group(parts, stopped, line_items=rules.line_items)
    if not rules.line_items:
        again = _read_again(numbers, grouped.duplicates, int(np.count_nonzero(number < earlier)))
        duplicates = parts.take(pa.array(np.setdiff1d(grouped.duplicates, again)))
        step = StageEdit(removed=number[grouped.duplicates], read_before=len(again))
        step.leave_out(duplicates, Skip.DUPLICATE)
        step.take_back(duplicates)
        return step
    decided = decide(grouped.events, rules)
    changed = _is_repeated(parts["key"]) | stopped | _is_among(numbers, halves(decided.changed))
    step = StageEdit(removed=number[changed])
    step.leave_out(parts.filter(pa.array(stopped)), Reason.INCOMPLETE_EVENT)
    for reason, events in decided.left_out.items():
        step.leave_out(events, reason)
    step.send(HashedEvents(route, _among_keys(decided.events, parts, changed)))
    step.take_back(parts.filter(pa.array(changed)))
    return step


def _among_keys(events: pa.Table, parts: pa.Table, changed: npt.NDArray[np.bool_]) -> pa.Table:
    """Those of the events of which some part has changed."""
    keys = halves(parts["key"].filter(pa.array(changed)))
    return events.filter(pa.array(_is_among(halves(events["key"]), keys)))


def _read_again(numbers: Keys, duplicates: Positions, earlier: int) -> Positions:
    """Of the parts that repeat others, those that are the first to repeat one of the first `earlier` parts."""
    keys = _whole(numbers)
    repeating = duplicates[np.isin(keys[duplicates], keys[:earlier])]
    return repeating[np.unique(keys[repeating], return_index=True)[1]]


def _is_repeated(keys: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    numbers = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray(np.bincount(numbers)[numbers] > 1)


def _is_among(numbers: Keys, others: Keys) -> npt.NDArray[np.bool_]:
    wanted = _whole(others)
    return np.isin(_whole(numbers), wanted)


def _whole(numbers: Keys) -> npt.NDArray[np.void]:
    return np.ascontiguousarray(numbers).view(np.dtype((np.void, 16))).reshape(-1)
