"""The sections of the report that are about a run."""

from collections.abc import Iterator

from benchmarks.by_hand import POSTING_THREADS
from benchmarks.far_away import DELAY
from benchmarks.measure import IN_MEMORY_ROWS, ONCE_ROWS, SizeResult
from benchmarks.one_run import OneRun
from benchmarks.profile import LIBRARIES
from benchmarks.results import Results
from benchmarks.start_up import FEW_ROWS
from benchmarks.tables import section, short, speed, table
from benchmarks.timing import Timing

_COST = "CPU seconds a million rows"
_SPEED = ("seconds", "rows a second", _COST)


def stages(results: Results) -> Iterator[str]:
    """Each stage at each size."""
    yield from section(
        "Stages",
        f"Transform alone: rows in memory to bodies in memory, on two threads, up to {short(IN_MEMORY_ROWS)} rows.",
        "Stage: DuckDB file to complete stage. Send: complete stage to acknowledged. Whole: both, by `connector run`",
        "as a process of its own; seconds and CPU without the start of Python, memory with it. On disk: stage and",
        f"ledger when the stage is complete. Medians of {results.repetitions}; above {short(ONCE_ROWS)} rows of one.",
    )
    yield from table(("rows", "", *_SPEED, "peak MB", "MB on disk"), [x for one in results.sizes for x in _size(one)])


def _size(one: SizeResult) -> Iterator[tuple[str, ...]]:
    if one.transform:
        yield (f"{one.rows:,}", "transform alone", *speed(one.rows, one.transform), "", "")
    yield from _run(one.run)


def _run(run: OneRun) -> Iterator[tuple[str, ...]]:
    rows = f"{run.rows:,}"
    for name, timing in [("stage", run.stage), ("send", run.send)]:
        yield (rows, name, *speed(run.rows, timing), "", "")
    memory, disk = f"{run.peak_bytes / 1e6:,.0f}", f"{run.disk_bytes / 1e6:,.0f}"
    yield (rows, "whole", *speed(run.rows, run.whole), memory, disk)


def shapes(results: Results) -> Iterator[str]:
    """What results of other shapes cost."""
    yield from section(
        "Results of other shapes",
        "The same rows in any order: each is an event of its own until all are staged, and is then put together with",
        "the others of its order; a query that ends in `ORDER BY` its event id needs none of this. And as rows each of",
        "which is an event, 2.5 times as many, and sent while they are read. One run of each size.",
    )
    if not results.shapes:
        yield "Not measured."
        return
    lines = [(*line[:1], one.shape, *line[1:]) for one in results.shapes for line in _run(one.run)]
    yield from table(("rows", "shape", "", *_SPEED, "peak MB", "MB on disk"), lines)


def floor(results: Results) -> Iterator[str]:
    """How far each stage is from what nothing could do without."""
    found, usual = results.floor, results.usual
    digests, length = found.digests / found.rows * 1e6, found.hashed_bytes / found.digests
    yield from section(
        "Floor",
        "What no program could do without, measured in the same session. A million rows need",
        f"{digests:,.0f} digests, of {length:.1f} bytes on average, and make",
        f"{found.body_bytes / found.rows:,.0f} MB of JSON, as {found.rows:,} of them show.",
    )
    yield from table(
        ("", _COST),
        [
            ("SHA-256 of as many blocks in one go", f"{found.blocks:.3f}"),
            ("the same by hashlib, digest by digest: not part of the floor", f"{found.one_by_one:.3f}"),
            ("the JSON through memory once", f"{found.memory:.3f}"),
            (
                f"the JSON to disk once, with one fsync: {found.disk.seconds:.2f} s on the clock",
                f"{found.disk.cpu:.3f}",
            ),
            ("the JSON over loopback, from a client that only writes bytes", f"{found.loopback:.3f}"),
        ],
    )
    yield ""
    lines = [
        ("stage: hashed, through memory, to disk", found.stage, usual.run.stage),
        ("send: over loopback", found.loopback, usual.run.send),
        ("whole: all of it", found.whole, usual.run.whole),
    ]
    if usual.transform:
        lines.insert(0, ("transform alone: hashed, through memory", found.transform, usual.transform))
    yield from table(
        (_COST, "floor", f"product, {short(usual.rows)} rows", "times the floor"),
        [
            (what, f"{least:.3f}", f"{taken:.2f}", f"{taken / least:.1f}")
            for what, least, timing in lines
            for taken in [timing.cpu / usual.rows * 1e6]
        ],
    )


def profile(results: Results) -> Iterator[str]:
    """Where the time goes."""
    run = results.profile
    yield from section(
        "Where the time goes",
        f"CPU time of a run of {short(run.rows)} rows, without the start of Python: each thread's clock is read around",
        f'the parts, each for itself without those it calls. "{LIBRARIES}" is what no thread of Python\'s used.',
    )
    parts = sorted(run.parts.items(), key=lambda one: -one[1])
    yield from table(
        ("part", _COST, "share"),
        [
            (name, f"{cpu / run.rows * 1e6:.2f}", f"{cpu / run.whole.cpu:.0%}")
            for name, cpu in [*parts, ("all of them: the process", run.whole.cpu)]
        ],
    )


def transform(results: Results) -> Iterator[str]:
    """The transform and the reference."""
    parts = results.transform
    yield from section(
        "Transform alone",
        "Rows in memory to request bodies in memory: checked, normalised, hashed, grouped by event, as JSON text.",
        "The product starts from an Arrow table; the reference from Python dictionaries made outside the timing.",
        "One thread is held to one core, with everything around it; two threads have two workers.",
    )
    ways = [
        ("product, one thread", parts.rows, parts.one_thread),
        ("product, two threads", parts.rows, parts.two_threads),
        ("Python reference", parts.reference_rows, parts.reference),
    ]
    by_reference = parts.reference_rows / parts.reference.seconds
    yield from table(
        ("", "rows", *_SPEED, "times the reference"),
        [
            (name, f"{rows:,}", *speed(rows, timing), f"{rows / timing.seconds / by_reference:.2f}")
            for name, rows, timing in ways
        ],
    )


def beside(results: Results) -> Iterator[str]:
    """The product, and others that send the same rows."""
    hand, run = results.by_hand, results.usual.run
    yield from section(
        "Beside other ways",
        "DuckDB file to acknowledged requests on this machine, without the start of Python. The Python reference:",
        "`fetchmany`, dictionaries, one keep-alive client; it, and one event a request, get fewer rows, as each row",
        "takes them as long as the one before. dlt and one event a request are compared with runs of the product right",
        f"before and after each of their own, of which there are {results.repetitions}: medians.",
    )

    def times(rows: int, timing: Timing) -> float:
        return results.rows_per_second * timing.seconds / rows

    threads = f"Python reference, {POSTING_THREADS} threads posting"
    ways = [
        ("product", results.rows, run.whole, 1.0),
        ("Python reference", hand.rows, hand.reference, times(hand.rows, hand.reference)),
        (threads, hand.rows, hand.reference_threads, times(hand.rows, hand.reference_threads)),
        *((one.name, one.rows, one.timing, one.ratio) for one in results.others),
    ]
    yield from table(
        ("", "rows", *_SPEED, "the product is faster"),
        [(name, f"{rows:,}", *speed(rows, timing), f"{ratio:.1f} times") for name, rows, timing, ratio in ways],
    )
    yield ""
    yield f"The sink takes {hand.raw_requests_per_second:,.0f} requests a second of the same size from a client that"
    yield f"only writes bytes, {results.sink_ratio:.0f} times what a run sends, which costs the sink"
    yield f"{results.usual.sink_seconds:.2f} s of CPU time in all."


def waiting(results: Results) -> Iterator[str]:
    """How long one waits: for the command, for the first request, for an answer."""
    first, start = results.first_request, results.start_up
    yield from section("Waiting", f"Of processes from start to end, and of runs of {short(first.rows)} rows:")
    yield from table(
        ("", "seconds"),
        [
            ("`connector --help`", f"{start.help:.2f}"),
            (f"`connector run` on {FEW_ROWS} rows", f"{start.run:.2f}"),
            ("first rows out of the source to first request, where a row is an event", f"{first.single_rows:.2f}"),
            ("the same with line items, whose events have to be whole first", f"{first.line_items:.2f}"),
        ],
    )
    if not results.far_away:
        return
    yield ""
    yield f"A sink that answers after {DELAY * 1000:.0f} ms, with the same number of requests on their way at once:"
    yield ""
    yield from table(
        ("requests at once", "", "rows", *_SPEED, "the product is faster"),
        [
            (f"{one.in_flight}", name, f"{rows:,}", *speed(rows, timing), faster)
            for one in results.far_away
            for name, rows, timing, faster in (
                ("product", one.rows, one.product, ""),
                ("one event a request", one.single_rows, one.single, f"{one.ratio:.0f} times"),
            )
        ],
    )
