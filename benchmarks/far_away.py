"""A sink that answers late, as a service far away does: on loopback nobody has to wait for an answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.by_hand import singly
from benchmarks.one_run import one_run
from benchmarks.project import IN_FLIGHT, project_folder
from benchmarks.sink import running_sink
from benchmarks.timing import Timing, timed

DELAY = 0.1
"""Seconds."""
WAYS = tuple(sorted({8, IN_FLIGHT}))
SINGLE_ROWS = 2_000
"""Of one event a request no more rows are sent: each takes as long as the one before."""


@dataclass(frozen=True, slots=True)
class FarAway:
    """With so many requests on their way at once: the product, without the start of Python, and one event a request."""

    in_flight: int
    rows: int
    product: Timing
    single_rows: int
    single: Timing

    @property
    def ratio(self) -> float:
        """How many times as many rows a second the product sends."""
        return (self.rows / self.product.seconds) / (self.single_rows / self.single.seconds)


def measure_far_away(
    file: Path, rows: int, say: Callable[[str], None], ways: Sequence[int] = WAYS, delay: float = DELAY
) -> list[FarAway]:
    """One run of each way."""
    found, few = [], min(rows, SINGLE_ROWS)
    for in_flight in ways:
        with running_sink(delay=delay) as sink, project_folder(file, sink.url, in_flight=in_flight) as directory:
            product = one_run(directory).whole
            single, _ = timed(partial(singly, file, sink.url, few, in_flight))
        found.append(FarAway(in_flight, rows, product, few, single))
        say(f"answers after {delay * 1000:.0f} ms, {in_flight} in flight: {found[-1].ratio:.0f} times one a request")
    return found
