"""The measurements of one report, each in turns with what it is compared to."""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import transform_alone, whole_run
from benchmarks.data import purchases
from benchmarks.memory import Peak, peak_memory
from benchmarks.project import forget_runs, project_folder
from benchmarks.sink import Sink, Totals, running_sink
from benchmarks.sink_speed import requests_per_second
from benchmarks.timing import Timing, median, one_core, timed

Say = Callable[[str], None]
UNREACHED = "http://127.0.0.1:9"
"""For a project whose run is never sent anywhere."""


@dataclass(frozen=True, slots=True)
class TransformResult:
    """Medians: the product on one core with one thread and on all with two, and the Python reference."""

    one_thread: Timing
    two_threads: Timing
    reference: Timing


@dataclass(frozen=True, slots=True)
class WholeResult:
    """Medians of whole runs; how long staging was of the product's; what both sent; what the sink can take.

    `product_sent` and `reference_sent` were counted by the sink in one run of each that was not timed.
    `sink_seconds` are CPU seconds of the sink in a run of the product, the median.
    """

    product: Timing
    staging_seconds: float
    reference: Timing
    reference_threads: Timing
    product_sent: Totals
    reference_sent: Totals
    stage_bytes: int
    sink_seconds: float
    raw_requests_per_second: float


def measure_transform(file: Path, repetitions: int, say: Say) -> TransformResult:
    """Rows in memory to bodies in memory. The reference's dictionaries are made before, outside the timing."""
    with project_folder(file, UNREACHED) as directory:
        table = transform_alone.arrow_table(file)
        compiled = transform_alone.compiled_for(directory, table.schema)
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = list(whole_run.dict_rows(connection))
    settings = transform_alone.reference_settings()

    def on_one_core() -> int:
        with one_core():
            return transform_alone.columnar(table, compiled, 1)

    # Else Python's garbage collector would go through a million waiting dictionaries within the timing.
    gc.freeze()
    try:
        one, two, reference = _in_turns(
            [
                ("transform, one thread", on_one_core),
                ("transform, two threads", lambda: transform_alone.columnar(table, compiled, 2)),
                ("transform, Python reference", lambda: transform_alone.row_by_row(rows, settings)),
            ],
            repetitions,
            say,
        )
    finally:
        gc.unfreeze()
    return TransformResult(one, two, reference)


def measure_whole(file: Path, repetitions: int, say: Say) -> WholeResult:
    """A DuckDB file to acknowledged requests."""
    settings = transform_alone.reference_settings()
    product_sent, reference_sent = _sent(file, say)
    staging: list[float] = []
    staged_bytes: list[int] = []
    sink_seconds: list[float] = []
    with running_sink() as sink, project_folder(file, sink.url) as directory:

        def product() -> None:
            forget_runs(directory)
            before = sink.totals()
            _, phases = whole_run.product(directory)
            staging.append(phases.staging)
            staged_bytes.append(phases.stage_bytes)
            sink_seconds.append(sink.totals().cpu_seconds - before.cpu_seconds)

        timings = _in_turns(
            [
                ("whole run", product),
                ("whole run, Python reference", lambda: whole_run.reference(file, sink.url, settings, 1)),
                (
                    f"whole run, Python reference posting from {whole_run.POSTING_THREADS} threads",
                    lambda: whole_run.reference(file, sink.url, settings, whole_run.POSTING_THREADS),
                ),
            ],
            repetitions,
            say,
        )
        raw = _raw_speed(sink, product_sent, say)
        return WholeResult(
            timings[0], statistics.median(staging), timings[1], timings[2],
            product_sent, reference_sent, staged_bytes[-1], statistics.median(sink_seconds), raw,
        )  # fmt: skip


def measure_memory(data: Path, sizes: Sequence[int], say: Say) -> list[Peak]:
    """The peak memory of `connector run` at each number of rows."""
    peaks = []
    for rows in sizes:
        file = purchases(data, rows)
        with running_sink() as sink, project_folder(file, sink.url) as directory:
            peaks.append(peak_memory(directory))
        say(f"connector run, {rows:,} rows: {peaks[-1].peak_bytes / 1e6:,.0f} MB, {peaks[-1].seconds:.1f} s")
    return peaks


def _sent(file: Path, say: Say) -> tuple[Totals, Totals]:
    """What each side sends, counted by a sink that looks into the bodies; also a warming-up."""
    settings = transform_alone.reference_settings()
    with running_sink(count_events=True) as sink, project_folder(file, sink.url) as directory:
        whole_run.product(directory)
        product = sink.totals()
    with running_sink(count_events=True) as sink:
        whole_run.reference(file, sink.url, settings, 1)
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
