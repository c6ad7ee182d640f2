"""The product's speed: the transform, whole runs at each size, and the Python reference beside them."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from benchmarks import by_hand, transform_alone
from benchmarks.data import purchases
from benchmarks.one_run import OneRun, one_run
from benchmarks.project import forget_runs, project_folder
from benchmarks.sink import Sink, Totals, running_sink
from benchmarks.sink_speed import requests_per_second
from benchmarks.timing import Timing, median, one_core, timed

Say = Callable[[str], None]
UNREACHED = "http://127.0.0.1:9"
"""For a project whose run is never sent anywhere."""

SAMPLE_ROWS = 200_000
"""What the Python reference is given: it takes as long for each row as for the one before."""

IN_MEMORY_ROWS = 1_000_000
"""The transform alone starts from a table in memory, and so is not measured with more rows."""

ONCE_ROWS = 2_000_000
"""With more rows a run is measured once."""


@dataclass(frozen=True, slots=True)
class TransformResult:
    """Medians: the product on one core with one thread and on all with two, and, of a sample, the Python reference."""

    rows: int
    one_thread: Timing
    two_threads: Timing
    reference_rows: int
    reference: Timing

    @property
    def ratio(self) -> float:
        """How many times as many rows a second two threads transform."""
        return (self.rows / self.two_threads.seconds) / (self.reference_rows / self.reference.seconds)


@dataclass(frozen=True, slots=True)
class SizeResult:
    """What a number of rows takes: the transform alone on two threads (None: not measured), and whole runs.

    `run` is the run in the middle by the clock; `sink_seconds` are CPU seconds of the sink in it.
    """

    rows: int
    transform: Timing | None
    run: OneRun
    sink_seconds: float


@dataclass(frozen=True, slots=True)
class ByHandResult:
    """The Python reference on a sample of the rows: medians of whole runs, and what both sides sent of it.

    `product_sent` and `reference_sent` were counted by the sink in one run of each that was not timed;
    `raw_requests_per_second` is what the sink can take of requests of that size.
    """

    rows: int
    reference: Timing
    reference_threads: Timing
    product_sent: Totals
    reference_sent: Totals
    raw_requests_per_second: float


def measure_transform(data: Path, rows: int, repetitions: int, say: Say) -> TransformResult:
    """Rows in memory to bodies in memory. The reference's dictionaries are made before, outside the timing."""
    file, sample = purchases(data, rows), min(rows, SAMPLE_ROWS)
    with project_folder(file, UNREACHED) as directory:
        table = transform_alone.arrow_table(file)
        compiled = transform_alone.compiled_for(directory, table.schema)
    with duckdb.connect(str(purchases(data, sample)), read_only=True) as connection:
        dictionaries = list(by_hand.dict_rows(connection))
    settings = by_hand.reference_settings()

    def on_one_core() -> int:
        with one_core():
            return transform_alone.columnar(table, compiled, 1)

    # Else Python's garbage collector would go through all the waiting dictionaries within the timing.
    gc.freeze()
    try:
        one, two, reference = _in_turns(
            [
                ("transform, one thread", on_one_core),
                ("transform, two threads", lambda: transform_alone.columnar(table, compiled, 2)),
                ("transform, Python reference", lambda: transform_alone.row_by_row(dictionaries, settings)),
            ],
            repetitions,
            say,
        )
    finally:
        gc.unfreeze()
    return TransformResult(rows, one, two, sample, reference)


def measure_size(data: Path, rows: int, repetitions: int, transform: Timing | None, say: Say) -> SizeResult:
    """Whole runs, each in a process of its own; `transform` is that of as many rows where it is known already."""
    file = purchases(data, rows)
    if transform is None and rows <= IN_MEMORY_ROWS:
        transform = _transform(file, repetitions)
    found: list[tuple[OneRun, float]] = []
    with running_sink() as sink, project_folder(file, sink.url) as directory:
        for _ in range(1 if rows > ONCE_ROWS else repetitions):
            forget_runs(directory)
            before = sink.totals().cpu_seconds
            run = one_run(directory)
            found.append((run, sink.totals().cpu_seconds - before))
            say(f"connector run, {rows:,} rows: {run.process.seconds:.1f} s, {run.peak_bytes / 1e6:,.0f} MB")
    run, sink_seconds = sorted(found, key=lambda one: one[0].whole)[len(found) // 2]
    return SizeResult(rows, transform, run, sink_seconds)


def measure_by_hand(data: Path, rows: int, repetitions: int, say: Say) -> ByHandResult:
    """A DuckDB file to acknowledged requests, by the Python reference."""
    file, settings = purchases(data, rows), by_hand.reference_settings()
    product, reference = _sent(file, say)
    with running_sink() as sink:
        one, many = _in_turns(
            [
                (
                    f"whole run, Python reference, {threads} posting",
                    partial(by_hand.reference, file, sink.url, settings, threads),
                )
                for threads in (1, by_hand.POSTING_THREADS)
            ],
            repetitions,
            say,
        )
        return ByHandResult(rows, one, many, product, reference, _raw_speed(sink, product, say))


def profiled(data: Path, rows: int, say: Say) -> OneRun:
    """A run of which the parts are known."""
    with running_sink() as sink, project_folder(purchases(data, rows), sink.url) as directory:
        run = one_run(directory, profile=True)
    say(f"connector run with its parts, {rows:,} rows: {run.whole.seconds:.1f} s, CPU {run.whole.cpu:.1f} s")
    return run


def _transform(file: Path, repetitions: int) -> Timing:
    table = transform_alone.arrow_table(file)
    with project_folder(file, UNREACHED) as directory:
        compiled = transform_alone.compiled_for(directory, table.schema)
    return median([timed(lambda: transform_alone.columnar(table, compiled, 2))[0] for _ in range(repetitions)])


def _sent(file: Path, say: Say) -> tuple[Totals, Totals]:
    """What each side sends, counted by a sink that looks into the bodies; also a warming-up."""
    settings = by_hand.reference_settings()
    with running_sink(count_events=True) as sink, project_folder(file, sink.url) as directory:
        one_run(directory)
        product = sink.totals()
    with running_sink(count_events=True) as sink:
        by_hand.reference(file, sink.url, settings, 1)
        reference = sink.totals()
    say(f"events sent: {product.events:,} by the product, {reference.events:,} by the Python reference")
    return product, reference


def _raw_speed(sink: Sink, sent: Totals, say: Say) -> float:
    mean_body = sent.body_bytes // max(sent.requests, 1)
    speed = requests_per_second(sink, mean_body, max(200, sent.requests))
    say(f"sink: {speed:,.0f} requests a second of {mean_body / 1e3:,.0f} kB from a raw client")
    return speed


def _in_turns(works: Sequence[tuple[str, Callable[[], object]]], repetitions: int, say: Say) -> list[Timing]:
    """The median of each work; the repetitions of all are interleaved, so that what slows the machine slows all."""
    timings: list[list[Timing]] = [[] for _ in works]
    for _ in range(repetitions):
        for (name, work), found in zip(works, timings, strict=True):
            gc.collect()
            found.append(timed(work)[0])
            say(f"{name}: {found[-1].seconds:.2f} s, CPU {found[-1].cpu:.2f} s")
    return [median(found) for found in timings]
