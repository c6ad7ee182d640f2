"""The query's result goes in as Arrow batches, hashed rows come out, in the order of the result."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from queue import Empty, SimpleQueue
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.hashed import KEY, LEFT_OUT, HashedEvents, HashedRows
from connector.outcomes import REASONS, Reason, Skip
from connector.route import Route
from connector.transform.compiler import CompiledTransform
from connector.transform.engine import UNREADABLE, Engine, SliceEngine
from connector.transform.grouping import count_phones, count_reasons, count_warnings, group, parts_of
from connector.transform.line_items import line_warnings, undecided_events
from connector.transform.slicing import slices_of

_Engine = TypeVar("_Engine", bound=SliceEngine)
_Hashed = TypeVar("_Hashed")

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
    slices = slices_of(batches, compiled, slice_rows)
    hashed = transformed(
        slices, lambda: Engine(compiled), lambda engine, chunk: _hash_readable(engine, chunk, compiled), threads
    )
    return chain.from_iterable(hashed)


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


def _hash_readable(engine: Engine, chunk: pa.Table, compiled: CompiledTransform) -> list[HashedRows]:
    """Hash a slice, in several pieces if the engine cannot read a row of it, which is rejected."""
    return engine.bisect(
        chunk, lambda part: hash_chunk(engine, part, compiled), lambda row: _unreadable(engine, row, compiled)
    )


def _unreadable(engine: Engine, row: pa.Table, compiled: CompiledTransform) -> HashedRows:
    """Reject a row that cannot be read as a whole, and with it its event if the row is one line of it."""
    reason = Reason.INVALID_IDENTITY.value
    barred = engine.key_of_unreadable(row).drop_null() if compiled.rules.line_items else pa.array([], KEY)
    return HashedRows(
        read=1,
        events=(),
        left_out=unreadable_row(row, engine.kept_of_unreadable(row)),
        barred=barred,
        undecided=pa.array([], KEY),
        rejects=Counter({reason: 1}),
        skips=Counter(),
        warnings=Counter(),
        identical_value={},
        phones=count_phones(np.zeros(0, np.uint32), compiled.phone_columns),
    )


def unreadable_row(row: pa.Table, columns: str = "{}") -> pa.Table:
    """What is kept (schema LEFT_OUT) of a row that cannot be read; `columns` is a JSON object."""
    kept = {"outcome": "rejected", "reason": Reason.INVALID_IDENTITY.value, "message": UNREADABLE, "columns": columns}
    return pa.Table.from_pylist([{"row": row["row_number"][0].as_py(), **kept}], LEFT_OUT)


def hash_chunk(engine: Engine, chunk: pa.Table, compiled: CompiledTransform) -> HashedRows:
    """What becomes of one slice of the result."""
    rows = engine.rows(chunk)
    reasons = rows["reason"].to_numpy().copy()
    parts = parts_of(rows)
    rejected = reasons != 0
    barred = pc.unique(parts["key"].filter(pa.array(rejected))).drop_null()
    grouped = group(parts, rejected, line_items=compiled.rules.line_items)
    reasons[grouped.incomplete] = 1 + REASONS.index(Reason.INCOMPLETE_EVENT)
    warnings = count_warnings(rows["warnings"].to_numpy())
    skips = Counter({Skip.DUPLICATE.value: len(grouped.duplicates)} if len(grouped.duplicates) else {})
    of_lines, identical_value = line_warnings(grouped.events)
    line_items = compiled.rules.line_items
    undecided = grouped.events["key"].filter(pa.array(undecided_events(grouped.events, compiled.rules)))
    return HashedRows(
        read=chunk.num_rows,
        events=tuple(_by_route(rows, grouped.events, grouped.first, compiled)),
        left_out=_left_out(engine, chunk, reasons, grouped.duplicates),
        barred=barred if line_items else pa.array([], KEY),
        undecided=undecided.combine_chunks() if line_items else pa.array([], KEY),
        rejects=count_reasons(reasons),
        skips=skips,
        warnings=warnings + of_lines,
        identical_value=identical_value,
        phones=count_phones(rows["phones"].to_numpy(), compiled.phone_columns),
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
