"""`make bench`: measures, prints and writes the report."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.audience import AudienceResult, measure_audience
from benchmarks.cluster_section import cluster_targets, measure_section
from benchmarks.console_section import measure_console
from benchmarks.data import purchases
from benchmarks.delivered_keys import KeysResult, measure_keys
from benchmarks.far_away import measure_far_away
from benchmarks.first_request import measure_first_request
from benchmarks.floor import measure_floor
from benchmarks.measure import SAMPLE_ROWS, measure_by_hand, measure_size, measure_transform, profiled
from benchmarks.others import measure_others
from benchmarks.report import markdown
from benchmarks.results import Results
from benchmarks.shapes import measure_shapes
from benchmarks.simulator_speed import measure_simulator
from benchmarks.sources import measure_sources
from benchmarks.start_up import measure_start_up
from benchmarks.targets import targets

HERE = Path(__file__).parent
SKIPPABLE = ("far-away", "others", "sources", "console", "cluster")

_Found = TypeVar("_Found")


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives 0; with `--strict`, 1 where a target was missed."""
    options = _parser().parse_args(arguments)
    results = measure(options)
    text = markdown(results)
    options.output.write_text(text)
    print(text)
    all_targets = [*targets(results), *(cluster_targets(results.cluster[0]) if results.cluster else ())]
    return int(options.strict and not all(target.met for target in all_targets))


def measure(options: argparse.Namespace) -> Results:
    """Takes every measurement that the options ask for, one after the other."""
    data, rows, repetitions = options.data, options.rows, options.repetitions
    file, sample = purchases(data, rows), min(rows, SAMPLE_ROWS)

    def unless_skipped(name: str, work: Callable[[], list[_Found]]) -> list[_Found]:
        return [] if name in options.skip else work()

    start_up = measure_start_up(data, _say)
    transform = measure_transform(data, rows, repetitions, _say)
    by_hand = measure_by_hand(data, sample, repetitions, _say)
    return Results(
        rows=rows,
        repetitions=repetitions,
        transform=transform,
        sizes=[
            measure_size(data, size, repetitions, transform.two_threads if size == rows else None, _say)
            for size in sorted({rows, *options.sizes})
        ],
        by_hand=by_hand,
        floor=measure_floor(purchases(data, sample), sample, by_hand.product_sent),
        profile=profiled(data, rows, _say),
        first_request=measure_first_request(file, rows, _say),
        start_up=start_up,
        simulator=measure_simulator(file, repetitions, _say),
        far_away=unless_skipped("far-away", lambda: measure_far_away(file, rows, _say)),
        others=unless_skipped("others", lambda: measure_others(file, rows, repetitions, _say)),
        keys=[_keys(data, keys, rows) for keys in options.keys],
        audience=[_audience(data, people) for people in options.audience],
        shapes=measure_shapes(data, options.shapes, _say),
        sources=unless_skipped("sources", lambda: measure_sources(file, repetitions, _say)),
        console={} if "console" in options.skip else measure_console(),
        cluster=None if "cluster" in options.skip else measure_section(data, _say, repetitions),
    )


def _audience(data: Path, people: int) -> AudienceResult:
    result = measure_audience(data, people)
    seconds = (result.filling.process.seconds, result.changing.process.seconds)
    _say(f"an audience of {people:,} people: {seconds[0]:.1f} s, a tenth changed {seconds[1]:.1f} s")
    return result


def _keys(data: Path, keys: int, events: int) -> KeysResult:
    result = measure_keys(data, keys, events)
    _say(f"{result.found:,} of {events:,} events found among {keys:,} keys: {result.seconds:.1f} s")
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="at which the product is compared (default: 1 M)")
    parser.add_argument("--sizes", type=_sizes, default=[100_000, 1_000_000, 10_000_000], metavar="N,N")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--shapes", type=_sizes, default=[1_000_000, 10_000_000], metavar="N,N")
    parser.add_argument("--keys", type=_sizes, default=[1_000_000, 10_000_000, 100_000_000], metavar="N,N")
    parser.add_argument("--audience", type=_sizes, default=[1_000_000], metavar="N,N")
    parser.add_argument("--skip", action="append", choices=SKIPPABLE, default=[], help="may be given several times")
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
