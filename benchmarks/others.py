"""Other ways to send the same rows, one after the other, each measured on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.by_hand import singly
from benchmarks.dlt_run import dlt_run
from benchmarks.sink import running_sink
from benchmarks.timing import Timing, timed

DLT, SINGLY = "dlt, given Arrow", "one event a request"
SINGLE_ROWS = 20_000
"""Of one event a request no more rows are sent: each takes as long as the one before."""


@dataclass(frozen=True, slots=True)
class OtherResult:
    """One way: how many rows it was given, and how long it took, without the start of Python."""

    name: str
    rows: int
    timing: Timing

    @property
    def rows_per_second(self) -> float:
        """Rows a second."""
        return self.rows / self.timing.seconds


def measure_others(file: Path, rows: int, say: Callable[[str], None]) -> list[OtherResult]:
    """dlt with a custom destination, and one event a request, as Segment's destination sends."""
    few = min(rows, SINGLE_ROWS)
    with running_sink() as sink:
        found = dlt_run(file, sink.url)
        timing, _ = timed(lambda: singly(file, sink.url, few))
    results = [OtherResult(DLT, rows, Timing(found.seconds, found.cpu)), OtherResult(SINGLY, few, timing)]
    for one in results:
        say(f"{one.name}: {one.rows_per_second:,.0f} rows a second")
    return results
