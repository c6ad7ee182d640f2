"""Whole runs of rows in any order: an event's lines lie far apart, and are put together once all are staged."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.data import shuffled
from benchmarks.one_run import OneRun, one_run
from benchmarks.project import project_folder
from benchmarks.sink import running_sink


def measure_any_order(data: Path, sizes: Sequence[int], say: Callable[[str], None]) -> list[OneRun]:
    """One run of each size."""
    return [_measured(data, rows, say) for rows in sorted(sizes)]


def _measured(data: Path, rows: int, say: Callable[[str], None]) -> OneRun:
    file = shuffled(data, rows)
    with running_sink() as sink, project_folder(file, sink.url) as directory:
        run = one_run(directory)
    say(f"connector run, {rows:,} rows in any order: {run.process.seconds:.1f} s, {run.peak_bytes / 1e6:,.0f} MB")
    return run
