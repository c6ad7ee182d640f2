"""The report: figures, ratios, and whether each target was met."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.audience import CHANGED, AudienceResult
from benchmarks.delivered_keys import KeysResult
from benchmarks.measure import TransformResult, WholeResult
from benchmarks.memory import Peak
from benchmarks.others import OtherResult
from benchmarks.simulator_speed import SimulatorResult
from benchmarks.sources import SourceResult
from benchmarks.timing import Timing
from benchmarks.whole_run import POSTING_THREADS

TRANSFORM_RATIO = 5.0
MEMORY_RATIO = 1.2
MEMORY_BYTES = 10**9
_LIBRARIES = ("duckdb", "pyarrow", "numpy", "httpx", "orjson", "phonenumbers")


@dataclass(frozen=True, slots=True)
class Target:
    """What was to be reached, what was measured, and whether it is enough."""

    what: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Everything one report is made from; `memory`, `keys` and `sources` are empty where
    they were not measured."""

    rows: int
    repetitions: int
    transform: TransformResult
    whole: WholeResult
    simulator: SimulatorResult
    memory: Sequence[Peak]
    keys: Sequence[KeysResult] = ()
    sources: Sequence[SourceResult] = ()
    audience: Sequence[AudienceResult] = ()
    others: Sequence[OtherResult] = ()

    def targets(self) -> list[Target]:
        """The targets, those of memory only where more than one size was measured."""
        ratio = self.transform.reference.seconds / self.transform.two_threads.seconds
        sent, expected = self.whole.product_sent.events, self.whole.reference_sent.events
        targets = [
            Target("Both sides send the same number of events", f"{sent:,} and {expected:,}", sent == expected),
            Target(
                f"Transform on two threads at least {TRANSFORM_RATIO:g} times the Python reference",
                f"{ratio:.1f} times", ratio >= TRANSFORM_RATIO,
            ),
            Target(
                "The simulator takes on one core at least as many events a second as the product sends",
                f"{self.simulator_ratio:.2f} times", self.simulator_ratio >= 1,
            ),
        ]  # fmt: skip
        targets += (
            [Target("Every event delivered before is found, and no other", *_found(self.keys))] if self.keys else []
        )
        return targets + (_memory_targets(self.memory) if len(self.memory) > 1 else [])

    @property
    def sent_per_second(self) -> float:
        """Events a second that the product sends once its stage is complete."""
        return self.whole.product_sent.events / (self.whole.product.seconds - self.whole.staging_seconds)

    @property
    def simulator_ratio(self) -> float:
        """How many times as many the simulator takes."""
        return self.simulator.events_per_second / self.sent_per_second


def _memory_targets(peaks: Sequence[Peak]) -> list[Target]:
    least, most = min(peaks, key=lambda one: one.rows), max(peaks, key=lambda one: one.rows)
    ratio = most.peak_bytes / least.peak_bytes
    return [
        Target(
            f"Memory at {_short(most.rows)} rows at most {MEMORY_RATIO:g} times that at {_short(least.rows)}",
            f"{ratio:.2f} times", ratio <= MEMORY_RATIO,
        ),
        Target(
            f"Memory at {_short(most.rows)} rows under 1 GB",
            f"{most.peak_bytes / 1e6:,.0f} MB", most.peak_bytes < MEMORY_BYTES,
        ),
    ]  # fmt: skip


def markdown(results: Results) -> str:
    """The report as a Markdown page."""
    parts = (_head, _transform, _whole, _simulator, _others, _memory, _keys, _audience, _sources)
    return "\n".join(line for part in parts for line in part(results)) + "\n"


def _head(results: Results) -> Iterator[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench` on {os.cpu_count()} cores ({platform.system()}, {platform.machine()}),"
    yield f"Python {platform.python_version()}, {libraries}."
    yield f"{results.rows:,} rows, the lines of {results.whole.product_sent.events:,} purchases that can be sent;"
    yield f"medians of {results.repetitions}, both sides in turns in one process."
    yield ""
    yield from _table(
        ("target", "measured", "met"),
        [(target.what, target.measured, "yes" if target.met else "**no**") for target in results.targets()],
    )


def _transform(results: Results) -> Iterator[str]:
    yield from ("", "## Transform alone", "")
    yield "Rows in memory to request bodies in memory: checked, normalised, hashed, grouped by event, as JSON text."
    yield "The product starts from an Arrow table; the reference from Python dictionaries made outside the timing."
    yield "One thread is held to one core, with everything around it; two threads have two workers."
    yield ""
    parts = results.transform
    yield from _compared(
        results.rows,
        [("product, one thread", parts.one_thread), ("product, two threads", parts.two_threads)],
        [("Python reference", parts.reference)],
    )


def _whole(results: Results) -> Iterator[str]:
    whole = results.whole
    requests = whole.product_sent.requests
    needed = requests / min(whole.product.seconds, whole.reference.seconds, whole.reference_threads.seconds)
    yield from ("", "## Whole run", "")
    yield "DuckDB file to acknowledged requests. The reference: `fetchmany`, dictionaries, one keep-alive client."
    yield ""
    yield from _compared(
        results.rows,
        [("product", whole.product)],
        [
            ("Python reference", whole.reference),
            (f"Python reference, {POSTING_THREADS} threads posting", whole.reference_threads),
        ],
    )
    yield ""
    yield f"- The product had staged everything after {whole.staging_seconds:.2f} s, and sent it in the time left."
    yield f"- Stage and ledger take {whole.stage_bytes / results.rows:,.0f} bytes a row on disk until the run ends."
    yield (
        f"- The sink takes {whole.raw_requests_per_second:,.0f} requests a second of the same size from a client "
        f"that only writes bytes. The fastest run made {needed:,.0f} a second, which cost the sink "
        f"{whole.sink_seconds:.2f} s of CPU time in all."
    )


def _simulator(results: Results) -> Iterator[str]:
    yield from ("", "## Simulator", "")
    yield "`connector simulate`, held to one core, and a client that only writes the product's bodies, each once."
    yield "What the product sends a second is that of the whole run, once the stage is complete, on all cores."
    yield ""
    yield from _table(
        ("", "events a second"),
        [
            ("simulator takes", f"{results.simulator.events_per_second:,.0f}"),
            ("product sends", f"{results.sent_per_second:,.0f}"),
        ],
    )


def _memory(results: Results) -> Iterator[str]:
    yield from ("", "## Memory", "")
    if not results.memory:
        yield "Not measured."
        return
    yield "Peak resident memory of `connector run` as a process of its own, start of Python included."
    yield ""
    yield from _table(
        ("rows", "peak MB", "seconds", "rows a second", "CPU seconds a million rows"),
        [
            (
                f"{one.rows:,}", f"{one.peak_bytes / 1e6:,.0f}", f"{one.seconds:.1f}",
                f"{one.rows / one.seconds:,.0f}", f"{one.cpu_seconds / one.rows * 1e6:.2f}",
            )
            for one in results.memory
        ],
    )  # fmt: skip


def _found(results: Sequence[KeysResult]) -> tuple[str, bool]:
    found = ", ".join(f"{one.found:,}" for one in results)
    return found, all(one.found == one.join_found == one.events * 6 // 7 for one in results)


def _keys(results: Results) -> Iterator[str]:
    yield from ("", "## Events delivered before", "")
    if not results.keys:
        yield "Not measured."
        return
    yield f"A stage of {results.keys[0].events:,} events, six of seven of them delivered before, against the keys in a"
    yield "SQLite ledger: to find them, to write down that they are skipped, and to put the rest together anew."
    yield "Beside it a semi join of the same keys by DuckDB from a Parquet file, which only counts."
    yield ""
    yield from _table(
        ("keys", "seconds", "peak MB", "ledger bytes a key", "DuckDB's join, seconds"),
        [
            (
                f"{one.keys:,}", f"{one.seconds:.1f}", f"{one.peak_bytes / 1e6:,.0f}",
                f"{one.ledger_bytes / one.keys:.1f}", f"{one.join_seconds:.1f}",
            )
            for one in results.keys
        ],
    )  # fmt: skip


def _others(results: Results) -> Iterator[str]:
    yield from ("", "## Beside other ways", "")
    if not results.others:
        yield "Not measured."
        return
    product = results.rows / results.whole.product.seconds
    yield "The same rows, DuckDB file to acknowledged requests on this machine, each way by itself."
    yield ""
    yield from _table(
        ("", "rows", "rows a second", "CPU seconds a million rows", "the product is faster"),
        [
            (
                one.name, f"{one.rows:,}", f"{one.rows / one.timing.seconds:,.0f}",
                f"{one.timing.cpu / one.rows * 1e6:.1f}", f"{product / (one.rows / one.timing.seconds):.1f} times",
            )
            for one in results.others
        ],
    )  # fmt: skip


def _audience(results: Results) -> Iterator[str]:
    yield from ("", "## An audience", "")
    if not results.audience:
        yield "Not measured."
        return
    yield "People with an e-mail and a phone each, by `connector run` as a process of its own: the run that fills the"
    yield f"audience, and one for which one person in {CHANGED} is another one. Compared, sent, and settled."
    yield ""
    yield from _table(
        ("people", "run", "seconds", "people a second", "CPU seconds a million people", "peak MB"),
        [
            (
                f"{one.people:,}", what, f"{peak.seconds:.1f}", f"{one.people / peak.seconds:,.0f}",
                f"{peak.cpu_seconds / one.people * 1e6:.1f}", f"{peak.peak_bytes / 1e6:,.0f}",
            )
            for one in results.audience
            for what, peak in (("filling", one.filling), ("a tenth changed", one.changing))
        ],
    )  # fmt: skip


def _sources(results: Results) -> Iterator[str]:
    yield from ("", "## Warehouses", "")
    if not results.sources:
        yield "Not measured."
        return
    yield "Rows of a table to Arrow batches and no further; the servers are on this machine, and share its cores."
    yield "Snowflake's driver reads from the tests' stand-in, which makes the rows meanwhile: a lower bound."
    yield ""
    embedded = results.sources[0].rows_per_second
    yield from _table(
        ("warehouse", "rows", "rows a second", "times the embedded DuckDB"),
        [
            (one.name, f"{one.rows:,}", f"{one.rows_per_second:,.0f}", f"{one.rows_per_second / embedded:.3f}")
            for one in results.sources
        ],
    )


def _compared(
    rows: int, product: Sequence[tuple[str, Timing]], references: Sequence[tuple[str, Timing]]
) -> Iterator[str]:
    """A line for each; the product's ratio is to the fastest of the references."""
    fastest = min(timing.seconds for _, timing in references)
    yield from _table(
        ("", "seconds", "rows a second", "CPU seconds a million rows", "times the reference"),
        [
            (
                name, f"{timing.seconds:.2f}", f"{rows / timing.seconds:,.0f}",
                f"{timing.cpu / rows * 1e6:.2f}", f"{fastest / timing.seconds:.2f}",
            )
            for name, timing in (*product, *references)
        ],
    )  # fmt: skip


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _short(rows: int) -> str:
    return f"{rows // 10**6} M" if rows % 10**6 == 0 else f"{rows:,}"
