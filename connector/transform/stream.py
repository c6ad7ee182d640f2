"""Turn the Arrow batches of a result into hashed rows, in order."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import EXCLUDED_ROW, KEY, HashedEvents, HashedRows, excluded_rows
from connector.core.outcomes import REASONS, Reason, Skip
from connector.core.route import Route
from connector.transform.compiler import CompiledTransform
from connector.transform.excluded import ENOUGH, ExcludedCollector, Rejected
from connector.transform.grouping import count_phones, count_reasons, count_warnings, group, parts_of
from connector.transform.line_items import line_warnings, undecided_events
from connector.transform.slice_engine import UNREADABLE, Engine, EnginePool, SliceEngine
from connector.transform.slicing import slices_of

_Engine = TypeVar("_Engine", bound=SliceEngine)
_Hashed = TypeVar("_Hashed")

BatchSlice = tuple[HashedRows, Rejected | None]
"""What became of a slice, and rows of it that are left out, of which what is kept is still to be made."""


def hash_rows(
    batches: Iterable[pa.RecordBatch],
    compiled: CompiledTransform,
    *,
    threads: int = 2,
    slice_rows: int | None = None,
    gather: bool = False,
    engines: EnginePool[Engine] | None = None,
) -> Iterator[HashedRows]:
    """Hash a result in slices, `threads` at a time; memory does not grow with the result.

    Slices have `slice_rows` rows, or as many as are good. Row numbers count from 1. Whatever a batch's iterator raises
    comes through. With `gather`, the rows that are left out of a slice behind the first may come with a later one, or
    by themselves at the end: where they are few, they cost a fifth of that. `engines` stay open for the next result;
    without them, the result has its own.
    """
    slices = slices_of(batches, compiled, slice_rows)
    hashed = transform_slices(
        slices,
        lambda: Engine(compiled),
        lambda engine, chunk: _hash_readable(engine, chunk, compiled, gather),
        threads,
        engines,
    )
    return _gathered(chain.from_iterable(hashed), compiled, engines)


def _gathered(
    parts: Iterator[BatchSlice], compiled: CompiledTransform, engines: EnginePool[Engine] | None
) -> Iterator[HashedRows]:
    with ExcludedCollector(compiled, engines) as excluded:
        try:
            for part, waiting in parts:
                before = excluded.rest() if part.excluded.num_rows else EXCLUDED_ROW.empty_table()
                after = excluded.add(waiting) if waiting else EXCLUDED_ROW.empty_table()
                yield replace(part, excluded=pa.concat_tables([before, part.excluded, after]))
        except Exception:
            yield from _nothing_but(excluded.rest(), compiled)
            raise
        yield from _nothing_but(excluded.rest(), compiled)


def _nothing_but(excluded: pa.Table, compiled: CompiledTransform) -> Iterator[HashedRows]:
    if excluded.num_rows:
        yield replace(_nothing(compiled), excluded=excluded)


def transform_slices(
    slices: Iterable[pa.Table],
    make: Callable[[], _Engine],
    work: Callable[[_Engine, pa.Table], _Hashed],
    threads: int,
    engines: EnginePool[_Engine] | None = None,
) -> Iterator[_Hashed]:
    """Yield the results of `work` on each slice, in order, in `threads` with an engine each."""
    with ExitStack() as stack:
        pool = stack.enter_context(closing(EnginePool[_Engine]())) if engines is None else engines
        workers = pool.workers(threads)

        def with_engine(chunk: pa.Table) -> _Hashed:
            with pool.engine(make) as engine:
                return work(engine, chunk)

        under_way: deque[Future[_Hashed]] = deque()
        for chunk in slices:
            under_way.append(workers.submit(with_engine, chunk))
            while under_way and (len(under_way) > threads or under_way[0].done()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _hash_readable(engine: Engine, chunk: pa.Table, compiled: CompiledTransform, gather: bool) -> list[BatchSlice]:
    """Hash a slice, in several pieces if the engine cannot read a row of it, which is rejected."""
    return engine.bisect(
        chunk,
        lambda part: hash_chunk(engine, part, compiled, gather),
        lambda row: (_unreadable(engine, row, compiled), None),
    )


def _unreadable(engine: Engine, row: pa.Table, compiled: CompiledTransform) -> HashedRows:
    """Reject a row that cannot be read as a whole, and with it its event if the row is one line of it."""
    reason = Reason.INVALID_IDENTITY.value
    nothing = replace(_nothing(compiled), read=1, rejects=Counter({reason: 1}))
    if compiled.rules.line_items:
        blocked_keys = engine.key_of_unreadable(row).drop_null()
        orphans = nothing.orphans if len(blocked_keys) else engine.orphan_of_unreadable(row)
        nothing = replace(nothing, blocked_keys=blocked_keys, orphans=orphans)
    return replace(nothing, excluded=unreadable_row(row, engine.columns_of_unreadable(row)))


def _nothing(compiled: CompiledTransform) -> HashedRows:
    return HashedRows(
        read=0,
        events=(),
        excluded=EXCLUDED_ROW.empty_table(),
        blocked_keys=pa.array([], KEY),
        undecided=pa.array([], KEY),
        orphans=pa.array([], pa.uint64()),
        rejects=Counter(),
        skips=Counter(),
        warnings=Counter(),
        identical_value={},
        phones=count_phones(np.zeros(0, np.uint32), compiled.phone_columns),
    )


def unreadable_row(row: pa.Table, columns: str = "{}") -> pa.Table:
    """Return the excluded row of a row that cannot be read; `columns` is a JSON object."""
    message = pa.array([UNREADABLE])
    return excluded_rows(
        row["row_number"], "rejected", Reason.INVALID_IDENTITY.value, messages=message, columns=columns
    )


def hash_chunk(engine: Engine, chunk: pa.Table, compiled: CompiledTransform, gather: bool = False) -> BatchSlice:
    """Hash one slice of the result; with `gather`, few excluded rows of a later slice wait."""
    rows = engine.rows(chunk)
    reasons = rows["reason"].to_numpy().copy()
    parts = parts_of(rows)
    rejected = reasons != 0
    blocked_keys = pc.unique(parts["key"].filter(pa.array(rejected))).drop_null()
    grouped = group(parts, rejected, line_items=compiled.rules.line_items)
    reasons[grouped.incomplete] = 1 + REASONS.index(Reason.INCOMPLETE_EVENT)
    warnings = count_warnings(rows["warnings"].to_numpy())
    skips = Counter({Skip.DUPLICATE.value: len(grouped.duplicates)} if len(grouped.duplicates) else {})
    of_lines, identical_value = line_warnings(grouped.events)
    line_items = compiled.rules.line_items
    undecided = grouped.events["key"].filter(pa.array(undecided_events(grouped.events, compiled.rules)))
    excluded = _excluded(chunk, reasons, grouped.duplicates)
    waits = gather and excluded and excluded.rows.num_rows < ENOUGH and chunk["row_number"][0].as_py() > 1
    hashed = HashedRows(
        read=chunk.num_rows,
        events=tuple(_by_route(rows, grouped.events, grouped.first, compiled)),
        excluded=excluded.redacted(engine) if excluded and not waits else EXCLUDED_ROW.empty_table(),
        blocked_keys=blocked_keys if line_items else pa.array([], KEY),
        undecided=undecided.combine_chunks() if line_items else pa.array([], KEY),
        orphans=engine.orphans(chunk.filter(parts["key"].is_null()) if parts["key"].null_count else chunk[:0]),
        rejects=count_reasons(reasons),
        skips=skips,
        warnings=warnings + of_lines,
        identical_value=identical_value,
        phones=count_phones(rows["phones"].to_numpy(), compiled.phone_columns),
    )
    return hashed, excluded if waits else None


def _by_route(
    rows: pa.Table, events: pa.Table, first: npt.NDArray[np.int64], compiled: CompiledTransform
) -> Iterator[HashedEvents]:
    rules = compiled.rules
    if not compiled.routed:
        yield HashedEvents(Route(rules.event_source, rules.event_source_id), events)
        return
    sources = rows["event_source"].take(pa.array(first)).combine_chunks()
    ids = rows["event_source_id"].take(pa.array(first)).combine_chunks()
    routes = pa.table({"source": sources, "id": ids}).group_by(["source", "id"], use_threads=False).aggregate([])
    for route in routes.to_pylist():
        of_route = pc.and_(pc.equal(sources, route["source"]), pc.equal(ids, route["id"]))
        yield HashedEvents(Route(route["source"], route["id"]), events.filter(of_route))


def _excluded(chunk: pa.Table, reasons: npt.NDArray[np.uint8], duplicates: npt.NDArray[np.int64]) -> Rejected | None:
    left = np.sort(np.r_[np.flatnonzero(reasons), duplicates])
    return Rejected(chunk.take(pa.array(left)), reasons[left]) if len(left) else None
