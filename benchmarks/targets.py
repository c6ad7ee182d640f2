"""What was to be reached, and whether it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.delivered_keys import KeysResult
from benchmarks.far_away import DELAY
from benchmarks.others import DLT, SINGLY
from benchmarks.results import Results
from benchmarks.start_up import FEW_ROWS
from benchmarks.tables import short

TRANSFORM_RATIO = 6.0
DLT_RATIO = 8.0
SINGLY_RATIO = 200.0
MEMORY_RATIO = 1.2
MEMORY_BYTES = 10**9
COST_RATIO = 1.1
FIRST_REQUEST_SECONDS = 1.0
HELP_SECONDS = 0.3
RUN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """What was to be reached, what was measured, and whether it is enough."""

    what: str
    measured: str
    met: bool


def targets(results: Results) -> list[Target]:
    """Those of which everything was measured that they need."""
    parts = (_same_events, _speed, _far_away, _growth, _waiting, _servers, _keys)
    return [target for part in parts for target in part(results)]


def _same_events(results: Results) -> Iterator[Target]:
    sent, expected = results.by_hand.product_sent.events, results.by_hand.reference_sent.events
    yield Target("Both sides send the same number of events", f"{sent:,} and {expected:,}", sent == expected)


def _speed(results: Results) -> Iterator[Target]:
    ratio = results.transform.ratio
    what = f"Transform on two threads at least {TRANSFORM_RATIO:g} times the Python reference"
    yield Target(what, f"{ratio:.1f} times", ratio >= TRANSFORM_RATIO)
    if results.others:
        ratio = results.times(DLT)
        what = f"Whole run at least {DLT_RATIO:g} times dlt's, which is given Arrow"
        yield Target(what, f"{ratio:.1f} times", ratio >= DLT_RATIO)


def _far_away(results: Results) -> Iterator[Target]:
    for one in results.far_away:
        what = (
            f"Whole run at least {SINGLY_RATIO:g} times one event a request, where an answer takes "
            f"{DELAY * 1000:.0f} ms and {one.in_flight} requests are on their way at once"
        )
        near = f"; {results.times(SINGLY):.0f} times on loopback, one at a time" if results.others else ""
        yield Target(what, f"{one.ratio:.0f} times{near}", one.ratio >= SINGLY_RATIO)


def _growth(results: Results) -> Iterator[Target]:
    most, usual = results.largest.run, results.usual.run
    size = short(most.rows)
    what = f"Memory at {size} rows under 1 GB"
    yield Target(what, f"{most.peak_bytes / 1e6:,.0f} MB", most.peak_bytes < MEMORY_BYTES)
    for shape in {one.shape: one for one in results.shapes}.values():
        what = f"Memory at {short(shape.run.rows)} rows, {shape.shape}, under 1 GB"
        yield Target(what, f"{shape.run.peak_bytes / 1e6:,.0f} MB", shape.run.peak_bytes < MEMORY_BYTES)
    if most.rows == usual.rows:
        return
    # Of the peaks of two threads the highest coincide by chance: in a long run oftener than in a short one.
    before = sorted(one.rows for one in results.sizes)[-2]
    less = next(one.run for one in results.sizes if one.rows == before)
    ratio = most.peak_bytes / less.peak_bytes
    what = f"Memory at {size} rows at most {MEMORY_RATIO:g} times that at {short(less.rows)}"
    yield Target(what, f"{ratio:.2f} times", ratio <= MEMORY_RATIO)
    share = usual.rows / most.rows
    cpu, clock = most.whole.cpu / usual.whole.cpu * share, most.whole.seconds / usual.whole.seconds * share
    what = f"A row at {size} rows costs at most {COST_RATIO:g} times what it costs at {short(usual.rows)}"
    yield Target(what, f"{cpu:.2f} times the CPU, {clock:.2f} times the time", max(cpu, clock) <= COST_RATIO)


def _waiting(results: Results) -> Iterator[Target]:
    first, start = results.first_request.single_rows, results.start_up
    for what, seconds, most in (
        ("First request after the first rows, where a row is an event", first, FIRST_REQUEST_SECONDS),
        ("`connector --help`", start.help, HELP_SECONDS),
        (f"`connector run` on {FEW_ROWS} rows", start.run, RUN_SECONDS),
    ):
        yield Target(f"{what}: under {most:g} s", f"{seconds:.2f} s", seconds < most)


def _servers(results: Results) -> Iterator[Target]:
    for what, ratio in (
        ("The sink takes at least as many requests a second as the product sends", results.sink_ratio),
        (
            "The simulator takes on one core at least as many events a second as the product sends",
            results.simulator_ratio,
        ),
    ):
        yield Target(what, f"{ratio:.2f} times", ratio >= 1)


def _keys(results: Results) -> Iterator[Target]:
    if results.keys:
        yield Target("Every event delivered before is found, and no other", *_found(results.keys))


def _found(results: Sequence[KeysResult]) -> tuple[str, bool]:
    found = ", ".join(f"{one.found:,}" for one in results)
    return found, all(one.found == one.join_found == one.events * 6 // 7 for one in results)
