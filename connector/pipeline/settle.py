"""Events whose rows lie in different slices of a result are put together once all of it has been staged.

Most results need none of this: their rows come sorted, and only an event at the edge of a slice is affected.
A result in random order costs one look at all keys for every hundred thousand such events.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.hashed import EVENTS, HashedEvents
from connector.outcomes import Reason, RowWarning, Skip
from connector.route import Route
from connector.stage.key_file import KeyFile
from connector.stage.keys import Halves, Keys, halves, is_among
from connector.stage.reader import StageReader
from connector.stage.writer import StagedBatch
from connector.transform.events import left_out_rows
from connector.transform.grouping import conflicting_rows, group

EVENTS_AT_ONCE = 100_000
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Settlement:
    """One step: events taken out of staged batches, what became of them, and how counts change.

    `removed` says which events of which batches; `events` are staged anew.
    `rejects`, `skips` and `warnings` count rows; a warning's count can be negative, where the event that it
    was counted for is not sent after all. `read_before` rows were read by an earlier reading, and are counted as its.
    """

    removed: dict[StagedBatch, Positions]
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

    The first `earlier` of them are those of an earlier reading: the first event that repeats one of theirs is that
    event, read again.
    """
    with StageReader(directory) as stage:
        staged = _Staged(stage, keys, batches, earlier)
        for found, barred in _many_at_once(keys.repeated()):
            for start in range(0, len(found), EVENTS_AT_ONCE):
                for route, parts in staged.events(found[start : start + EVENTS_AT_ONCE]).items():
                    yield _settled(route, parts, barred, line_items)


def _many_at_once(repeated: Iterable[tuple[Halves, Keys]]) -> Iterator[tuple[Halves, Keys]]:
    """The same in fewer steps, for each of them looks at the keys of all batches."""
    waiting: list[tuple[Halves, Keys]] = []
    for some in repeated:
        waiting.append(some)
        if sum(len(found) for found, _ in waiting) >= EVENTS_AT_ONCE:
            yield _together(waiting)
            waiting = []
    if waiting:
        yield _together(waiting)


def _together(some: list[tuple[Halves, Keys]]) -> tuple[Halves, Keys]:
    return np.sort(np.concatenate([found for found, _ in some])), np.concatenate([barred for _, barred in some])


@dataclass(frozen=True, slots=True)
class _Found:
    batch: StagedBatch
    positions: Positions
    events: pa.RecordBatch
    earlier: bool


@dataclass(frozen=True, slots=True)
class _Staged:
    stage: StageReader
    keys: KeyFile
    batches: list[StagedBatch]
    earlier: int

    def events(self, found: Halves) -> dict[Route, list[_Found]]:
        """By route, the events of which these are the lower halves of the keys."""
        by_route: dict[Route, list[_Found]] = {}
        for number, batch in enumerate(self.batches):
            positions = np.flatnonzero(is_among(self.keys.of(batch.file, batch.index)[:, 0], found))
            if len(positions):
                part = self.stage.whole(batch.file, batch.index).take(pa.array(positions))
                by_route.setdefault(batch.route, []).append(_Found(batch, positions, part, number < self.earlier))
        return by_route


def _settled(route: Route, found: list[_Found], barred: Keys, line_items: bool) -> Settlement:
    parts = pa.Table.from_batches([one.events for one in found], schema=EVENTS)
    numbers = halves(parts["key"])
    repeated = _is_repeated(numbers)
    stopped = _is_among(numbers, barred)
    grouped = group(parts, stopped, line_items=line_items)
    if not line_items:
        again = _read_again(numbers, grouped.duplicates, sum(len(one.positions) for one in found if one.earlier))
        duplicates = parts.take(pa.array(np.setdiff1d(grouped.duplicates, again)))
        left_out = left_out_rows(duplicates, outcome="skipped", reason=Skip.DUPLICATE)
        return Settlement(
            _removed(found, grouped.duplicates),
            read_before=len(again),
            left_out=[left_out],
            skips=Counter({Skip.DUPLICATE: left_out.num_rows} if left_out.num_rows else {}),
        )
    merged = grouped.events.filter(pa.array(repeated[grouped.first]))
    incomplete = parts.filter(pa.array(stopped))
    left_out = left_out_rows(incomplete, outcome="rejected", reason=Reason.INCOMPLETE_EVENT)
    gone = parts.filter(pa.array(repeated | stopped))
    return Settlement(
        _removed(found, np.flatnonzero(repeated | stopped)),
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


def _is_repeated(numbers: Keys) -> npt.NDArray[np.bool_]:
    _, place, count = np.unique(numbers, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(count[place.reshape(-1)] > 1)


def _is_among(numbers: Keys, others: Keys) -> npt.NDArray[np.bool_]:
    wanted = _whole(others)
    return np.isin(_whole(numbers), wanted)


def _whole(numbers: Keys) -> npt.NDArray[np.void]:
    return np.ascontiguousarray(numbers).view(np.dtype((np.void, 16))).reshape(-1)


def _removed(found: list[_Found], gone: Positions) -> dict[StagedBatch, Positions]:
    ends = np.cumsum([len(one.positions) for one in found])
    starts = np.r_[0, ends[:-1]]
    pieces = (gone[(gone >= start) & (gone < end)] - start for start, end in zip(starts, ends, strict=True))
    return {one.batch: one.positions[piece] for one, piece in zip(found, pieces, strict=True) if len(piece)}
