"""`make guard`: whether a run costs more than it did, in counts and ratios, which a busy machine does not change.

A bound leaves room for another version of Python or of a library, and for another processor, but not for half as much
again. Where a change makes something cheaper, its bound goes down with it; where one costs more for a good reason, the
bound goes up, and the commit says why.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.counted_run import PerBatch, measure_counts
from benchmarks.start_up import Imported, count_imported
from benchmarks.yardstick import Ratios, measure_ratios

HERE = Path(__file__).parent
ATTEMPTS = 5
"""Whatever comes between a measurement makes it longer: what is too long is measured again before it is believed."""

MOST = Ratios(transform=2.6, last_look=0.6), PerBatch(1_450, 4_000, 6.5, 2), Imported(208, 1_000)
"""Ratios jitter by a tenth. Counts hardly do, but differ a little with Python and the libraries; how many writes share
a transaction, and so wait for the disk once, depends on which thread is faster: each batch has two at most. The calls
of staging include those that compute the checksums of batches, and those that hold back events of an order of which a
row has no readable time. A run also stores its progress once a second, in one statement, which counts for more the
longer the profiler makes a batch."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and the most that it may be."""

    what: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        """Whether it is within its bound."""
        return self.measured <= self.most

    def __str__(self) -> str:
        verdict = "" if self.kept else f": {self.measured / self.most:.2f} times what it may be"
        return f"{self.what}: {self.measured:,.2f}, at most {self.most:,g}{verdict}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives 0 where every figure is within its bound, else 1; says each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where the made-up rows are kept")
    data = parser.parse_args(arguments).data
    found = list(
        figures(ratios_within(MOST[0], lambda: measure_ratios(data)), measure_counts(data), count_imported(data))
    )
    for figure in found:
        print(figure, file=sys.stdout if figure.kept else sys.stderr)
    return int(not all(figure.kept for figure in found))


def ratios_within(most: Ratios, measure: Callable[[], Ratios]) -> Ratios:
    """The least of so many measurements as it takes to be within the bounds, ATTEMPTS where it never is."""
    found = measure()
    for _ in range(ATTEMPTS - 1):
        if found.least(most) == found:
            break
        found = found.least(measure())
    return found


def figures(ratios: Ratios, counts: PerBatch, imported: Imported) -> Iterator[Figure]:
    """Each with its bound."""
    most_ratios, most_counts, most_imported = MOST
    for what, measured, most in (
        ("transform, in pieces of work", ratios.transform, most_ratios.transform),
        ("last look at bodies, in pieces of work", ratios.last_look, most_ratios.last_look),
        ("calls to stage a batch", counts.staging_calls, most_counts.staging_calls),
        ("calls to send a batch", counts.sending_calls, most_counts.sending_calls),
        ("statements a batch", counts.statements, most_counts.statements),
        ("transactions a batch", counts.transactions, most_counts.transactions),
        ("modules that connector --help loads", imported.help, most_imported.help),
        ("modules that connector run loads", imported.run, most_imported.run),
    ):
        yield Figure(what, measured, most)


if __name__ == "__main__":
    sys.exit(main())
