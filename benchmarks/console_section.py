"""The section of the report about the console. By itself: `python -m benchmarks.console_section`."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.tables import replaced, section, table
from tests.console.conftest import Visitor, sign_in
from tests.console.test_large_ledger import NAMES, console

HERE = Path(__file__).parent
TITLE = "Console"
RUNS = (0, 100, 10_000)
PAGES = {"overview": "/", "runs": "/runs", "orchestration": f"/orchestrations/{NAMES[0]}"}
WARM_UPS, REPETITIONS = 5, 50
MOST = 3
"""How many times as long a page of the largest ledger may take as one of an empty ledger."""


def measure_console(runs: Sequence[int] = RUNS, repetitions: int = REPETITIONS) -> dict[str, list[float]]:
    """Milliseconds of each page, for each number of runs: medians of requests that take turns."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        visitors = [sign_in(stack.enter_context(console(Path(folder) / str(count), count))[0]) for count in runs]
        found = {name: _medians(visitors, path, repetitions) for name, path in PAGES.items()}
        for visitor in visitors:
            visitor.client.close()
        return found


def _medians(visitors: Sequence[Visitor], path: str, repetitions: int) -> list[float]:
    for visitor in [*visitors] * WARM_UPS:
        visitor.get(path)
    times = [[_milliseconds(visitor, path) for visitor in visitors] for _ in range(repetitions)]
    return [median(of_one) for of_one in zip(*times, strict=True)]


def _milliseconds(visitor: Visitor, path: str) -> float:
    before = time.perf_counter()
    answer = visitor.get(path)
    after = time.perf_counter()
    if answer.status_code != 200:
        raise RuntimeError(f"{path} was answered with {answer.status_code}")
    return 1_000 * (after - before)


def console_pages(found: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """How long pages take, by the number of runs in the ledger."""
    yield from section(
        TITLE,
        "Milliseconds of a page, from the request to the last byte, with an SQLite ledger of 5 orchestrations and",
        "three batches a run. Consoles took turns in one process; medians of 50 requests after 5 others. A page of",
        f"10,000 runs may take {MOST} times as long as that of an empty ledger.",
    )
    if not found:
        yield "Not measured."
        return
    heads = [f"{count:,} runs" for count in RUNS]
    rows = [(name, *(f"{one:.1f}" for one in times), f"{times[-1] / times[0]:.2f}") for name, times in found.items()]
    yield from table(("page", *heads, "times an empty ledger"), rows)


def main() -> int:
    """Measures and writes this section only, and leaves the rest of the report as it is."""
    lines = list(console_pages(measure_console()))
    report = HERE / "RESULTS.md"
    report.write_text(replaced(report.read_text(), TITLE, lines))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
