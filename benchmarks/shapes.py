"""Whole runs of results of other shapes: rows in any order, and rows that are events by themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import alone, shuffled
from benchmarks.one_run import OneRun, one_run
from benchmarks.project import project_folder
from benchmarks.sink import running_sink

_SHAPES = (("in any order", shuffled, True), ("each an event", alone, False))


@dataclass(frozen=True, slots=True)
class ShapeResult:
    """One run of rows that are of this shape."""

    shape: str
    run: OneRun


def measure_shapes(data: Path, sizes: Sequence[int], say: Callable[[str], None]) -> list[ShapeResult]:
    """Each shape at each size, smallest first."""
    found = []
    for shape, made, line_items in _SHAPES:
        for rows in sorted(sizes):
            with running_sink() as sink, project_folder(made(data, rows), sink.url, line_items=line_items) as directory:
                found.append(ShapeResult(shape, one_run(directory)))
            seconds, memory = found[-1].run.process.seconds, found[-1].run.peak_bytes / 1e6
            say(f"connector run, {rows:,} rows, {shape}: {seconds:.1f} s, {memory:,.0f} MB")
    return found
