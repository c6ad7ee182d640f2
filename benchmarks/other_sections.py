"""The sections of the report that are about what stands around a run."""

from collections.abc import Iterator

from benchmarks.audience import CHANGED
from benchmarks.results import Results
from benchmarks.tables import table


def simulator(results: Results) -> Iterator[str]:
    """How many events the simulator takes."""
    yield from ("", "## Simulator", "")
    yield "`connector simulate`, held to one core, and a client that only writes the product's bodies, each once."
    yield "What the product sends a second is that of the whole run, once the stage is complete, on all cores."
    yield ""
    yield from table(
        ("", "events a second"),
        [
            ("simulator takes", f"{results.simulator.events_per_second:,.0f}"),
            ("product sends", f"{results.sent_per_second:,.0f}"),
        ],
    )


def keys(results: Results) -> Iterator[str]:
    """How long it takes to find what was delivered before."""
    yield from ("", "## Events delivered before", "")
    if not results.keys:
        yield "Not measured."
        return
    yield f"A stage of {results.keys[0].events:,} events, six of seven of them delivered before, against the keys in a"
    yield "SQLite ledger: to find them, to write down that they are skipped, and to put the rest together anew."
    yield "Beside it a semi join of the same keys by DuckDB from a Parquet file, which only counts."
    yield ""
    yield from table(
        ("keys", "seconds", "peak MB", "ledger bytes a key", "DuckDB's join, seconds"),
        [
            (
                f"{one.keys:,}", f"{one.seconds:.1f}", f"{one.peak_bytes / 1e6:,.0f}",
                f"{one.ledger_bytes / one.keys:.1f}", f"{one.join_seconds:.1f}",
            )
            for one in results.keys
        ],
    )  # fmt: skip


def audience(results: Results) -> Iterator[str]:
    """What filling and changing an audience takes."""
    yield from ("", "## An audience", "")
    if not results.audience:
        yield "Not measured."
        return
    yield "People with an e-mail and a phone each, by `connector run` as a process of its own: the run that fills the"
    yield f"audience, and one for which one person in {CHANGED} is another one. Compared, sent, and settled."
    yield ""
    yield from table(
        ("people", "run", "seconds", "people a second", "CPU seconds a million people", "peak MB"),
        [
            (
                f"{one.people:,}", what, f"{run.process.seconds:.1f}", f"{one.people / run.process.seconds:,.0f}",
                f"{run.process.cpu / one.people * 1e6:.1f}", f"{run.peak_bytes / 1e6:,.0f}",
            )
            for one in results.audience
            for what, run in (("filling", one.filling), ("a tenth changed", one.changing))
        ],
    )  # fmt: skip
