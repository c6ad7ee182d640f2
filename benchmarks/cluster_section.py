"""The section of the report about more than one machine. By itself: `python -m benchmarks.cluster_section`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.cluster import ANY_ORDER, PAIRED, PAIRS, SORTED, ClusterResult, ClusterRun, Say, measure_cluster
from benchmarks.cluster_counts import ClusterCounts, measure_cluster_counts
from benchmarks.cluster_paper import (
    CORES,
    MACHINES,
    REQUESTS_A_SECOND,
    ROWS,
    Costs,
    OnPaper,
    driver_cost,
    largest,
    worst_worker,
)
from benchmarks.tables import replaced, section, short, table
from benchmarks.targets import Target

Measured = tuple[ClusterResult, ClusterCounts]
HERE = Path(__file__).parent
TITLE = "More than one machine"
SIZES = ((SORTED, 1_000_000), (SORTED, 4_000_000), (ANY_ORDER, 1_000_000))
_QUIET = 4.0
"""Up to this load average, most of the load is from the runs themselves."""
WALL_RATIO, CPU_RATIO, DRIVER_SECONDS, WORKER_BYTES = 1.35, 1.25, 0.25, 600e6


def cluster_targets(result: ClusterResult) -> Iterator[Target]:
    """What was to be reached on the same cores as one process."""
    for shape in (SORTED, ANY_ORDER):
        pairs = largest(result, shape)
        rows = short(pairs.one[0].rows)
        for unit, most, ratio in (("time", WALL_RATIO, pairs.wall_ratio), ("CPU", CPU_RATIO, pairs.cpu_ratio)):
            what = f"{PAIRED} workers, {rows} rows {shape}: at most {most:g} times the {unit} of one process"
            yield Target(what, f"{ratio:.2f} times", ratio <= most)
    for shape in (SORTED, ANY_ORDER):
        cost = driver_cost(result, shape)
        what = f"Process of the command, rows {shape}: at most {DRIVER_SECONDS:g} CPU seconds a million"
        yield Target(what, f"{cost:.2f} s", cost <= DRIVER_SECONDS)
    run = worst_worker(result)
    what = f"Memory of each worker at most {WORKER_BYTES / 1e6:.0f} MB"
    yield Target(what, f"{run.worker_bytes / 1e6:.0f} MB", run.worker_bytes <= WORKER_BYTES)


def more_machines(measured: Measured | None) -> Iterator[str]:
    """One process beside workers, and what that means for more machines than there are here."""
    if measured is None:
        yield from ("", f"## {TITLE}", "", "Not measured.")
        return
    result, counts = measured
    yield from section(
        TITLE,
        "`connector run` in one process, and with an engine: workers of Ray of one core each (2: on a node each; 4: on",
        "two nodes that claim more cores than there are) on the same cores as one process, with the same PostgreSQL,",
        "which waits for the disk, and a stage on the same disk. Seconds are of the whole command, with Python's",
        f"start. {PAIRED} workers and one process took turns, {len(result.few.one)} times: medians. Others ran once.",
        "CPU seconds are of the command and its workers; those of Ray's own processes and of PostgreSQL stand apart.",
        "Workers have the priority of any process, which Ray lowers otherwise.",
    )
    yield from _load(result)
    targets = [(target.what, target.measured, "yes" if target.met else "**no**") for target in cluster_targets(result)]
    yield from table(("target", "measured", "met"), targets)
    yield ""
    yield from _runs(result)
    yield ""
    yield from _phases(result)
    yield ""
    yield from _fixed(result)
    yield ""
    yield from _further(Costs.of(result))
    yield ""
    yield from _ledger(result, counts)
    yield ""
    yield from _on_paper(OnPaper.of(result))


def _load(result: ClusterResult) -> Iterator[str]:
    """How busy the machine was with something else, if it was."""
    load = max(run.load for pairs in (result.few, *result.pairs) for run in (*pairs.one, *pairs.many))
    if load > _QUIET:
        yield f"**The machine was busy with other programs: its load average reached {load:.0f}, on two cores.**"
        yield "Seconds on the clock are then mostly those of waiting for a core, and CPU seconds grow as well."
        yield ""


def _runs(result: ClusterResult) -> Iterator[str]:
    yield from table(
        (
            "rows", "", "workers", "seconds", "rows a second", "CPU seconds", "of them the command",
            "Ray's own", "PostgreSQL", "peak MB of a worker", "of the command",
        ),
        [_run(run) for run in _in_order(result)],
    )  # fmt: skip


def _in_order(result: ClusterResult) -> Iterator[ClusterRun]:
    for pairs in result.pairs:
        one, many = pairs.middle
        same = [run for run in result.others if (run.rows, run.shape) == (one.rows, one.shape)]
        yield from sorted([one, many, *same], key=lambda run: run.workers)


def _run(run: ClusterRun) -> tuple[str, ...]:
    cost = (f"{seconds:.1f}" for seconds in (run.cpu, run.driver_cpu, run.daemon_cpu, run.postgres_cpu))
    workers = (str(run.workers), f"{run.worker_bytes / 1e6:,.0f}") if run.workers else ("one process", "")
    speed = f"{run.seconds:.1f}", f"{run.rows / run.seconds:,.0f}"
    return (f"{run.rows:,}", run.shape, workers[0], *speed, *cost, workers[1], f"{run.driver_bytes / 1e6:,.0f}")


def _phases(result: ClusterResult) -> Iterator[str]:
    yield f"The phases of {PAIRED} workers; in any order, tasks deduplicate:"
    yield ""
    yield from table(
        ("rows", "", "phase", "seconds", "CPU seconds of the command", "of the workers"),
        [
            (f"{run.rows:,}", run.shape, name, f"{one.seconds:.1f}", f"{one.driver:.2f}", f"{one.workers:.1f}")
            for run in (pairs.middle[1] for pairs in (result.few, *result.pairs))
            for name, one in run.phases.items()
        ],
    )


def _fixed(result: ClusterResult) -> Iterator[str]:
    alone, few = result.few.middle
    connect = few.phases["connect"]
    yield "What does not depend on the rows:"
    yield ""
    yield from table(
        ("", "seconds", "CPU seconds", "MB"),
        [
            *(
                (f"start of a cluster: nodes {one.nodes}, workers {one.workers}", f"{one.timing.seconds:.1f}",
                 f"{one.timing.cpu:.1f}", f"{one.peak_bytes / 1e6:,.0f} of all processes")
                for one in sorted(result.starts, key=lambda one: (one.workers, one.timing))
            ),
            ("connecting to a cluster", f"{connect.seconds:.1f}", f"{connect.driver:.1f}", ""),
            (f"a run of {few.rows} rows, {PAIRED} workers", f"{few.seconds:.1f}", f"{few.cpu:.1f}", ""),
            ("the same in one process", f"{alone.seconds:.1f}", f"{alone.cpu:.1f}", ""),
        ],
    )  # fmt: skip


def _further(costs: Costs) -> Iterator[str]:
    yield f"A further million sorted rows takes {costs.cpu:.2f} CPU seconds of the command and its workers, and"
    yield f"{costs.cpu_of_one:.2f} of one process: {costs.cpu / costs.cpu_of_one:.2f} times as many."


def _ledger(result: ClusterResult, counts: ClusterCounts) -> Iterator[str]:
    costs = Costs.of(result)
    yield "What the ledger takes for a request, apart from what a run of few rows takes. Statements were counted in"
    yield "runs whose tasks all ran in one process; those that begin and end a transaction do not count."
    yield ""
    one, many = costs.transactions_of_one / costs.requests, costs.transactions / costs.requests
    yield from table(
        ("", "statements", "transactions"),
        [
            ("one process", f"{counts.one:.1f}", f"{one:.1f}"),
            (f"{PAIRED} workers", f"{counts.leases:.1f}", f"{many:.1f}"),
        ],
    )


def _on_paper(paper: OnPaper) -> Iterator[str]:
    costs, millions, cores = paper.costs, ROWS // 10**6, MACHINES * CORES
    size = f"{short(ROWS)} sorted rows on {MACHINES} machines of {CORES} cores"
    yield f"On paper, from the {PAIRED} workers above: {size}."
    yield ""
    limit = f"{millions} M × {costs.events / 1e6:.3f} events a row / {REQUESTS_A_SECOND:,} requests of 1,000 a second"
    bound = "TikTok's limit" if paper.send_by_limit >= paper.send_by_cpu else "the cores"
    yield from table(
        ("phase", "arithmetic", "seconds"),
        [
            ("start", "a run of few rows on a cluster that runs", f"{paper.start:.0f}"),
            ("read", f"{millions} M × {costs.read:.2f} CPU s / {cores} cores", f"{paper.read:.0f}"),
            ("deduplicate", f"{millions} M × {costs.deduplicate:.3f} s, in one process", f"{paper.deduplicate:.0f}"),
            ("send, by TikTok's limit", limit, f"{paper.send_by_limit:.0f}"),
            (
                "send, by the cores",
                f"{millions} M × {costs.send:.2f} CPU s / {cores} cores",
                f"{paper.send_by_cpu:.0f}",
            ),
            ("all", f"start, read, deduplicate, and send, which {bound} bounds", f"{paper.total:.0f}"),
            (
                "one process, one machine",
                f"{millions} M × {costs.one_process:.2f} s, and not faster than TikTok's limit",
                f"{paper.one_process:.0f}",
            ),
        ],
    )
    yield ""
    yield f"That is {paper.total / 60:.1f} minutes, against {paper.one_process / 60:.0f} on one machine. To send,"
    yield f"the ledger records {paper.requests_a_second:,.0f} requests a second, in {paper.transactions_a_second:,.0f}"
    yield f"transactions, for which PostgreSQL needs {paper.postgres_cores:.1f} cores like these. The process of the"
    yield f"command needs {millions * costs.driver:.0f} CPU seconds in all."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and writes this section only, and leaves the rest of the report as it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_section", description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--rows", type=int, help="in place of all sizes")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args(arguments)
    lines = list(more_machines(measure_section(options.data, _say, options.pairs, options.rows)))
    options.output.write_text(replaced(options.output.read_text(), TITLE, lines))
    print("\n".join(lines))
    return 0


def measure_section(data: Path, say: Say, pairs: int = PAIRS, rows: int | None = None) -> Measured:
    """Everything that the section shows."""
    sizes = SIZES if rows is None else ((SORTED, rows), (ANY_ORDER, rows))
    counts = measure_cluster_counts(data)
    return measure_cluster(data, sizes, say, pairs=pairs), counts


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
