"""The query's result goes in as Arrow batches, hashed rows come out, in the order of the result."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat
from queue import Empty, SimpleQueue
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.hashed import KEY, LEFT_OUT, HashedEvents, HashedRows
from connector.outcomes import REASONS, Reason, RowWarning, Skip
from connector.route import Route
from connector.transform.compiler import CompiledTransform
from connector.transform.engine import Engine, SliceEngine, chunk_of
from connector.transform.grouping import conflicting_rows, count_reasons, count_warnings, group, parts_of

_Engine = TypeVar("_Engine", bound=SliceEngine)
_Hashed = TypeVar("_Hashed")

SLICE_ROWS = 32_768
FIRST_ROWS = 1_024
"""In a slice of a result of which something can leave before the rest is there."""

SLICE_BYTES = 32 << 20
_ALIKE = 4
"""So many slices of a size come before those that are twice as large."""

_WORDS = pa.array([Skip.DUPLICATE.value, *(reason.value for reason in REASONS)])
_OUTCOMES = pa.array(["skipped", *("rejected" for _ in REASONS)])
"""By the number of a row's reason; a row that is left out without one is a duplicate."""


def hash_rows(
    batches: Iterable[pa.RecordBatch],
    compiled: CompiledTransform,
    *,
    threads: int = 2,
    slice_rows: int | None = None,
) -> Iterator[HashedRows]:
    """Transforms a result in slices, `threads` at a time; memory does not grow with the result.

    Slices have `slice_rows` rows, or as many as are good. Row numbers count from 1. Whatever a batch's iterator raises
    comes through.
    """
    sizes = repeat(slice_rows) if slice_rows else slice_sizes(early=not compiled.rules.line_items)
    slices = each_slice(batches, compiled.indices, sizes)
    return transformed(
        slices, lambda: Engine(compiled), lambda engine, chunk: hash_chunk(engine, chunk, compiled), threads
    )


def slice_sizes(*, early: bool) -> Iterator[int]:
    """How many rows each slice has at most: small ones first where what comes of them is to be there `early`."""
    size = FIRST_ROWS if early else SLICE_ROWS
    while True:
        yield from repeat(size, _ALIKE)
        size = min(2 * size, SLICE_ROWS)


def transformed(
    slices: Iterable[pa.Table], make: Callable[[], _Engine], work: Callable[[_Engine, pa.Table], _Hashed], threads: int
) -> Iterator[_Hashed]:
    """What `work` makes of each slice, in order, `threads` of them at a time, each with an engine of its own."""
    with ExitStack() as engines, ThreadPoolExecutor(threads, thread_name_prefix="transform") as workers:
        idle: SimpleQueue[_Engine] = SimpleQueue()

        def made() -> _Engine:
            engine = make()
            engines.callback(engine.close)
            return engine

        def with_engine(chunk: pa.Table) -> _Hashed:
            try:
                engine = idle.get_nowait()
            except Empty:
                # A short result needs fewer than there are threads.
                engine = made()
            try:
                return work(engine, chunk)
            finally:
                idle.put(engine)

        under_way: deque[Future[_Hashed]] = deque()
        for chunk in slices:
            under_way.append(workers.submit(with_engine, chunk))
            while under_way and (len(under_way) > threads or under_way[0].done()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def each_slice(batches: Iterable[pa.RecordBatch], indices: Sequence[int], sizes: Iterator[int]) -> Iterator[pa.Table]:
    """The result in chunks as `chunk_of` makes them, of so many rows each, or fewer where they are large."""
    waiting: list[pa.RecordBatch] = []
    first_row, rows, size, most = 1, 0, 0, next(sizes)
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, most - rows)
            waiting.append(piece)
            at, rows, size = at + piece.num_rows, rows + piece.num_rows, size + piece.nbytes
            if rows == most or size >= SLICE_BYTES:
                yield chunk_of(waiting, indices, first_row)
                first_row, rows, size, waiting, most = first_row + rows, 0, 0, [], next(sizes)
    if waiting:
        yield chunk_of(waiting, indices, first_row)


def hash_chunk(engine: Engine, chunk: pa.Table, compiled: CompiledTransform) -> HashedRows:
    """What becomes of one slice of the result."""
    rows = engine.rows(chunk)
    reasons = rows["reason"].to_numpy().copy()
    parts = parts_of(rows)
    rejected = reasons != 0
    barred = pc.unique(parts["key"].filter(pa.array(rejected))).drop_null()
    grouped = group(parts, rejected, line_items=compiled.rules.line_items, stretches=rows["stretch"].to_numpy())
    reasons[grouped.incomplete] = 1 + REASONS.index(Reason.INCOMPLETE_EVENT)
    warnings = count_warnings(rows["warnings"].to_numpy())
    skips = Counter({Skip.DUPLICATE.value: len(grouped.duplicates)} if len(grouped.duplicates) else {})
    if conflicting := conflicting_rows(grouped.events):
        warnings[RowWarning.CONFLICTING_ROWS.value] = conflicting
    return HashedRows(
        read=chunk.num_rows,
        events=tuple(_by_route(rows, grouped.events, grouped.first, compiled)),
        left_out=_left_out(engine, chunk, reasons, grouped.duplicates),
        barred=barred if compiled.rules.line_items else pa.array([], KEY),
        rejects=count_reasons(reasons),
        skips=skips,
        warnings=warnings,
    )


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
        chosen = pc.and_(pc.equal(sources, route["source"]), pc.equal(ids, route["id"]))
        yield HashedEvents(Route(route["source"], route["id"]), events.filter(chosen))


def _left_out(
    engine: Engine, chunk: pa.Table, reasons: npt.NDArray[np.uint8], duplicates: npt.NDArray[np.int64]
) -> pa.Table:
    positions = np.flatnonzero(reasons)
    left = np.sort(np.r_[positions, duplicates])
    if not len(left):
        return LEFT_OUT.empty_table()
    kept = engine.rejected_columns(chunk.take(pa.array(left)))
    nothing = pa.nulls(len(left))
    columns = [
        kept["row_number"],
        _OUTCOMES.take(pa.array(reasons[left])),
        _WORDS.take(pa.array(reasons[left])),
        nothing.cast(pa.int32()),
        nothing.cast(pa.string()),
        kept["columns"],
    ]
    return pa.table(columns, schema=LEFT_OUT)
