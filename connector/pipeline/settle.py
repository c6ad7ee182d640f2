"""Events whose rows lie in different slices of a result are put together once all of it has been staged.

Most results need little of this: their rows come sorted, and only an event at the edge of a slice is affected. Where
rows come in any order, all events are: those are put into shares by their keys, each of which fits into memory.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.hashed import EVENTS, HashedEvents
from connector.outcomes import Reason, RowWarning, Skip
from connector.route import Route
from connector.stage.event_shares import EventShares
from connector.stage.key_file import KeyFile, Numbers
from connector.stage.key_list import KeyList, shares_for
from connector.stage.keys import Keys, halves, in_share_order
from connector.stage.reader import StageReader
from connector.stage.seen import BITS, Seen
from connector.stage.writer import StagedBatch
from connector.transform.events import left_out_rows
from connector.transform.grouping import conflicting_rows, group

Positions = npt.NDArray[np.int64]
EVENTS_AT_ONCE = 60_000
_BITS_PER_EVENT = 16


@dataclass(frozen=True, slots=True)
class Settlement:
    """One step: events taken out of staged batches, what became of them, and how counts change.

    `removed` are their numbers, as `KeyFile` gives them; `events` are staged anew.
    `rejects`, `skips` and `warnings` count rows; a warning's count can be negative, where the event that it
    was counted for is not sent after all. `read_before` rows were read by an earlier reading, and are counted as its.
    """

    removed: Numbers
    read_before: int = 0
    events: list[HashedEvents] = field(default_factory=list)
    left_out: list[pa.Table] = field(default_factory=list)
    rejects: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


def settle(
    directory: Path, keys: KeyFile, batches: list[StagedBatch], *, line_items: bool, earlier: int = 0
) -> Iterator[Settlement]:
    """What has to change in the staged `batches` so that every key stands in them once, and no barred one.

    The first `earlier` events are those of an earlier reading: the first event that repeats one of theirs is that
    event, read again.
    """
    with ExitStack() as stack:
        found = KeyList(directory / "barring-keys")
        stack.callback(found.remove)
        repeated, count = _marked(keys, found)
        if not count:
            return
        shares = shares_for(count, EVENTS_AT_ONCE)
        parts = stack.enter_context(EventShares(directory, shares))
        barring = stack.enter_context(found.in_shares(shares))
        routes = _collect(directory, keys, batches, repeated, parts)
        for some, barred in zip(parts.read(), barring, strict=True):
            for route, of_route in _by_route(some, routes):
                yield _settled(route, of_route, barred, line_items=line_items, earlier=earlier)


def _marked(keys: KeyFile, barred: KeyList) -> tuple[Seen, int]:
    """Marks of all keys that stand in a stage more than once, or are barred, and how many events have one of them.

    The barred ones are added to `barred`.
    """
    marks, events = Seen(min(1 << (_BITS_PER_EVENT * keys.count + 8).bit_length(), BITS)), 0
    for some in keys.repeated():
        marks.add(some.halves)
        barred.add(some.barred)
        events += some.events
    return marks, events


def _collect(
    directory: Path, keys: KeyFile, batches: list[StagedBatch], repeated: Seen, parts: EventShares
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


def _settled(route: Route, some: pa.Table, barred: Keys, *, line_items: bool, earlier: int) -> Settlement:
    parts, number = some.select(EVENTS.names), some["number"].to_numpy()
    numbers = halves(parts["key"])
    repeated = _is_repeated(parts["key"])
    stopped = _is_among(numbers, barred)
    grouped = group(parts, stopped, line_items=line_items)
    if not line_items:
        again = _read_again(numbers, grouped.duplicates, int(np.count_nonzero(number < earlier)))
        duplicates = parts.take(pa.array(np.setdiff1d(grouped.duplicates, again)))
        left_out = left_out_rows(duplicates, outcome="skipped", reason=Skip.DUPLICATE)
        return Settlement(
            number[grouped.duplicates],
            read_before=len(again),
            left_out=[left_out],
            skips=Counter({Skip.DUPLICATE: left_out.num_rows} if left_out.num_rows else {}),
        )
    merged = grouped.events if repeated.all() else grouped.events.filter(pa.array(repeated[grouped.first]))
    incomplete = parts.filter(pa.array(stopped))
    left_out = left_out_rows(incomplete, outcome="rejected", reason=Reason.INCOMPLETE_EVENT)
    gone = parts.select(["others"]).filter(pa.array(repeated | stopped))
    return Settlement(
        number[repeated | stopped],
        events=[HashedEvents(route, merged)],
        left_out=[left_out],
        rejects=Counter({Reason.INCOMPLETE_EVENT.value: left_out.num_rows} if left_out.num_rows else {}),
        warnings=Counter({RowWarning.CONFLICTING_ROWS.value: conflicting_rows(merged) - conflicting_rows(gone)}),
    )


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
