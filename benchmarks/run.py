"""`make bench`: measures, prints and writes the report."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.audience import AudienceResult, measure_audience
from benchmarks.data import purchases
from benchmarks.delivered_keys import KeysResult, measure_keys
from benchmarks.measure import measure_memory, measure_transform, measure_whole
from benchmarks.others import measure_others
from benchmarks.report import Results, markdown
from benchmarks.simulator_speed import measure_simulator
from benchmarks.sources import measure_sources

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives 0; with `--strict`, 1 where a target was missed."""
    options = _parser().parse_args(arguments)
    results = measure(options)
    text = markdown(results)
    options.output.write_text(text)
    print(text)
    return int(options.strict and not all(target.met for target in results.targets()))


def measure(options: argparse.Namespace) -> Results:
    """Takes every measurement that the options ask for."""
    file = purchases(options.data, options.rows)
    return Results(
        options.rows,
        options.repetitions,
        measure_transform(file, options.repetitions, _say),
        measure_whole(file, options.repetitions, _say),
        measure_simulator(file, options.repetitions, _say),
        [] if options.skip_memory else measure_memory(options.data, options.memory_rows, _say),
        [_keys(options.data, keys, options.rows) for keys in options.keys],
        [] if options.skip_sources else measure_sources(file, options.repetitions, _say),
        [_audience(options.data, people) for people in options.audience],
        [] if options.skip_others else measure_others(file, _say),
    )


def _audience(data: Path, people: int) -> AudienceResult:
    result = measure_audience(data, people)
    seconds = (result.filling.seconds, result.changing.seconds)
    _say(f"an audience of {people:,} people: {seconds[0]:.1f} s, a tenth changed {seconds[1]:.1f} s")
    return result


def _keys(data: Path, keys: int, events: int) -> KeysResult:
    result = measure_keys(data, keys, events)
    _say(f"{result.found:,} of {events:,} events found among {keys:,} keys: {result.seconds:.1f} s")
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="for transform and whole run (default: 1 M)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--memory-rows", type=_sizes, default=[1_000_000, 10_000_000], metavar="N,N")
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--skip-sources", action="store_true")
    parser.add_argument("--keys", type=_sizes, default=[1_000_000, 10_000_000, 100_000_000], metavar="N,N")
    parser.add_argument("--audience", type=_sizes, default=[1_000_000, 10_000_000], metavar="N,N")
    parser.add_argument("--skip-others", action="store_true", help="leave out dlt and one event a request")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where the made-up rows are kept")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    return parser


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",") if size]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
