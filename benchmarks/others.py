"""Other ways to send the same rows, one after the other, each measured on its own, beside runs of the product."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.by_hand import singly
from benchmarks.dlt_run import dlt_run
from benchmarks.one_run import one_run
from benchmarks.project import project_folder
from benchmarks.sink import running_sink
from benchmarks.timing import Timing, median, timed

DLT, SINGLY = "dlt, given Arrow", "one event a request"
SINGLE_ROWS = 20_000
"""Of one event a request no more rows are sent: each takes as long as the one before."""


@dataclass(frozen=True, slots=True)
class OtherResult:
    """One way: how many rows it was given, and how long it took, without the start of Python.

    `ratio` is how many times as many rows a second the product sent beside it: machines are not equally fast for long.
    """

    name: str
    rows: int
    timing: Timing
    ratio: float


def measure_others(file: Path, rows: int, repetitions: int, say: Callable[[str], None]) -> list[OtherResult]:
    """dlt with a custom destination, and one event a request, as Segment's destination sends."""
    few = min(rows, SINGLE_ROWS)
    with running_sink() as sink:

        def dlt() -> Timing:
            found = dlt_run(file, sink.url)
            return Timing(found.seconds, found.cpu)

        ways: list[tuple[str, int, Callable[[], Timing]]] = [
            (DLT, rows, dlt),
            (SINGLY, few, lambda: timed(lambda: singly(file, sink.url, few))[0]),
        ]
        results = [_beside(file, rows, repetitions, *way) for way in ways]
    for one in results:
        say(f"{one.name}: {one.timing.seconds:.2f} s for {one.rows:,} rows, the product {one.ratio:.1f} times as fast")
    return results


def _beside(file: Path, rows: int, repetitions: int, name: str, given: int, other: Callable[[], Timing]) -> OtherResult:
    """The medians of a way, and of how it compares with the runs of the product just before and after it."""
    products, others = [_product(file)], list[Timing]()
    for _ in range(repetitions):
        others.append(other())
        products.append(_product(file))
    around = [(before + after) / 2 for before, after in pairwise(products)]
    ratios = [(rows / product) / (given / one.seconds) for product, one in zip(around, others, strict=True)]
    return OtherResult(name, given, median(others), sorted(ratios)[len(ratios) // 2])


def _product(file: Path) -> float:
    with running_sink() as sink, project_folder(file, sink.url) as directory:
        return one_run(directory).whole.seconds
