"""The section about more than one machine, of runs that never were."""

from dataclasses import replace

import pytest

from benchmarks.cluster import ANY_ORDER, SORTED, ClusterResult, ClusterRun, Pairs, Phase, Start
from benchmarks.cluster_counts import ClusterCounts
from benchmarks.cluster_paper import Costs, OnPaper
from benchmarks.cluster_section import TITLE, cluster_targets, more_machines
from benchmarks.tables import replaced
from benchmarks.timing import Timing

COUNTS = ClusterCounts(6.0, 6.5)
MEGABYTE = 10**6


def run(workers: int, rows: int, shape: str = SORTED) -> ClusterRun:
    """A run that takes a second, and for each million rows 2 s to read, 0.2 s to deduplicate, and 1 s to send."""
    millions = rows / 1e6
    phases = {
        "start": Phase(0.5, 0.5, 0.0),
        "connect": Phase(0.5, 0.5, 0.0),
        "read": Phase(2 * millions, 0.0, 4 * millions),
        "deduplicate": Phase(0.2 * millions, 0.2 * millions, 0.0),
        "send": Phase(millions, 0.0, 2 * millions),
    }
    return ClusterRun(
        workers, shape, rows, rows * 2 // 5, max(1, rows // 2_500), 1 + 3.2 * millions,
        1 + 0.2 * millions, 6 * millions, 0.1, millions, rows // 1_250, 300 * MEGABYTE, 500 * MEGABYTE, phases, 1.0,
    )  # fmt: skip


def alone(rows: int, shape: str = SORTED) -> ClusterRun:
    """The same rows in one process."""
    return replace(run(0, rows, shape), seconds=1 + 3 * rows / 1e6, driver_cpu=1 + 5 * rows / 1e6, worker_cpu=0.0)


@pytest.fixture
def result() -> ClusterResult:
    sizes = [(4_000_000, SORTED), (1_000_000, ANY_ORDER)]
    pairs = [Pairs([alone(*size)] * 3, [run(2, *size)] * 3) for size in sizes]
    starts = [Start(2, 2, Timing(8.0, 9.0), 1_000 * MEGABYTE)]
    return ClusterResult(pairs, [run(1, *size) for size in sizes], starts, Pairs([alone(0)], [run(2, 0)]))


def test_costs_are_those_of_further_rows(result: ClusterResult) -> None:
    costs = Costs.of(result)
    assert (costs.read, costs.send) == pytest.approx((4.0, 2.0))
    assert (costs.deduplicate, costs.driver) == pytest.approx((0.2, 0.2))
    assert (costs.cpu, costs.cpu_of_one, costs.one_process) == pytest.approx((6.2, 5.0, 3.0))


def test_on_paper_phases_follow_one_another(result: ClusterResult) -> None:
    paper = OnPaper.of(result)
    assert (paper.start, paper.read, paper.deduplicate) == pytest.approx((1.0, 125.0, 100.0))
    assert (paper.send_by_limit, paper.send_by_cpu) == pytest.approx((200.0, 62.5))
    assert (paper.total, paper.one_process) == pytest.approx((426.0, 1_500.0))
    assert paper.requests_a_second == pytest.approx(1_000.0)
    assert paper.transactions_a_second == pytest.approx(2_000.0)


def test_targets_are_held_to_the_pairs(result: ClusterResult) -> None:
    by_name = {target.what: target for target in cluster_targets(result)}
    time = by_name["2 workers, 4 M rows sorted: at most 1.35 times the time of one process"]
    cpu = by_name["2 workers, 4 M rows sorted: at most 1.25 times the CPU of one process"]
    assert (time.measured, time.met, cpu.measured, cpu.met) == ("1.06 times", True, "1.23 times", True)
    assert all(target.met for target in by_name.values())


def test_the_section_replaces_the_one_before_and_leaves_the_others(result: ClusterResult) -> None:
    before, after = "# Benchmarks\n\nOne.\n", "\n## Another\n\nTwo.\n"
    lines = list(more_machines((result, COUNTS)))
    expected = before + "\n".join(lines) + "\n"
    assert replaced(f"{before}\n## {TITLE}\n\nOld.\n{after}", TITLE, lines) == expected + after
    assert replaced(before, TITLE, lines) == replaced(expected, TITLE, lines) == expected
    assert "| 4,000,000 | sorted | one process | 13.0 |" in expected


def test_what_was_not_measured_is_said() -> None:
    assert list(more_machines(None)) == ["", f"## {TITLE}", "", "Not measured."]


def test_a_machine_that_is_busy_with_something_else_is_named(result: ClusterResult) -> None:
    assert "busy" not in "\n".join(more_machines((result, COUNTS)))
    few = Pairs([replace(alone(0), load=17.2)], result.few.many)
    assert "its load average reached 17, on two cores" in "\n".join(more_machines((replace(result, few=few), COUNTS)))
