"""How soon the first request arrives, counted from the first rows that the source gives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.one_run import one_run
from benchmarks.project import project_folder
from benchmarks.sink import running_sink


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """Seconds from the first rows out of the source to the first request at the sink.

    `single_rows` is of an orchestration in which a row is an event, `line_items` of one whose events have to be whole
    before they leave.
    """

    rows: int
    single_rows: float
    line_items: float


def measure_first_request(file: Path, rows: int, say: Callable[[str], None]) -> FirstRequest:
    """One run of each."""
    found = FirstRequest(rows, _seconds(file, line_items=False), _seconds(file, line_items=True))
    say(f"first request: after {found.single_rows:.2f} s, with line items {found.line_items:.2f} s")
    return found


def _seconds(file: Path, *, line_items: bool) -> float:
    with running_sink() as sink, project_folder(file, sink.url, line_items=line_items) as directory:
        run = one_run(directory)
        first_at = sink.totals().first_at
    if first_at is None or run.first_rows_at is None:
        raise ValueError("nothing was read, or nothing sent")
    return first_at - run.first_rows_at
