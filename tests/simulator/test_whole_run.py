"""Whole runs of the example project against the simulator, while things go wrong."""

from pathlib import Path

import pytest

from connector.config.project import load_project
from connector.core.outcomes import RunStatus
from connector.example.example_project import write_example
from connector.ledger.run_records import RunRecord
from connector.runs.run import run_orchestration
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator

TARGET = """
  simulated:
    destinations:
      {destination}: {{api_url: "{url}", retry: {{first_wait: 0.01, longest_wait: 0.01}}}}
"""


def run(folder: Path, simulator: Simulator, name: str, destination: str) -> RunRecord:
    write_example(folder)
    with (folder / "orchestrations.yaml").open("a") as file:
        file.write(TARGET.format(destination=destination, url=simulator.url))
    project = load_project(folder, {"TIKTOK_ACCESS_TOKEN": "token"}, "simulated")
    return run_orchestration(project, name)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "destination"), [("store_purchases", "store_events"), ("web_purchases", "web_events")]
)
def test_a_run_through_trouble_is_what_the_simulator_counted(tmp_path: Path, name: str, destination: str) -> None:
    troubles = (
        "throttle:times=2",
        "html:times=1",
        "error:times=1",
        "lost:times=1",
        "reset:times=1",
        "refuse:share=0.01",
    )
    with Simulator(faults=map(parse, troubles)) as simulator:
        record = run(tmp_path, simulator, name, destination)
    tally = simulator.tally
    assert record.status is RunStatus.COMPLETED_WITH_REJECTS
    assert record.events_refused > 0
    assert tally.distinct == record.events_delivered
    assert not tally.violations
    assert {kind for kind, times in tally.faults.items() if times} == {
        "throttle", "html", "error", "lost", "reset", "refuse",
    }  # fmt: skip
