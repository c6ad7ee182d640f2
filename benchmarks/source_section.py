"""The section of the report about sources. By itself: `python -m benchmarks.source_section`."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.data import purchases
from benchmarks.sources import MOST_ROWS, SourceResult, measure_sources
from benchmarks.tables import replaced, section, speed, table

HERE = Path(__file__).parent
TITLE = "Sources"
REPETITIONS = 3
SPEED = ("seconds", "rows a second", "CPU seconds a million rows")


def sources(results: Sequence[SourceResult]) -> Iterator[str]:
    """How fast each source is read."""
    yield from section(
        TITLE,
        "Rows to Arrow batches and no further. Each source was read in turn with the embedded DuckDB, in one process:",
        "medians. CPU seconds are of this process. Servers are on this machine, and share its cores. Stand-ins are",
        "those of the tests: they take longer to give the rows than the driver to read them, so their speed is a lower",
        f"bound. At the end {os.getloadavg()[0]:.0f} processes were ready to run on {os.cpu_count()} cores: with more",
        "than one for each, the ratios say more than the seconds.",
    )
    if not results:
        yield "Not measured."
        return
    yield from table(
        ("source", "rows", *SPEED, "DuckDB beside it", "times DuckDB"),
        [
            (one.name, f"{one.rows:,}", *speed(one.rows, one.timing), f"{one.beside:,.0f}", f"{one.ratio:.2f}")
            for one in results
        ],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and writes this section only, and leaves the rest of the report as it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.source_section", description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--rows", type=int, default=MOST_ROWS)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args(arguments)
    file = purchases(options.data, options.rows)
    lines = list(sources(measure_sources(file, options.repetitions, lambda text: print(text, file=sys.stderr))))
    options.output.write_text(replaced(options.output.read_text(), TITLE, lines))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
