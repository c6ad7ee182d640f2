"""The package that the page builds is one: installed as the page says, it takes what a run sends."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connector.delivery.answer import Verdict
from connector.example.example_project import write_example
from tests.docs.markdown import ROOT, blocks, first_column
from tests.fuzz.worker import Worker

PAGE = ROOT / "docs" / "how-to" / "write-a-destination.md"
SETTINGS = "orchestrations.yaml"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the package of the page in."""
    folder = tmp_path_factory.mktemp("written")
    for block in blocks(PAGE):
        if block.title and block.title != SETTINGS:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join([*block.lines, ""]))
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    target = folder / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", target, folder / "connector-sqlite"], check=True
    )
    return target


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "checkout"
    write_example(folder)
    (added,) = (block for block in blocks(PAGE) if block.title == SETTINGS)
    file = folder / SETTINGS
    file.write_text(file.read_text().rstrip() + "\n" + "\n".join([*added.lines, ""]))
    return folder


@pytest.fixture(scope="module")
def worker(packages: Path) -> Iterator[Worker]:
    """A process beside which the package is installed: to start one for each command would take three times as long."""
    with Worker(PYTHONPATH=f"{packages}:{ROOT}") as process:
        yield process


def test_every_command_of_the_page_works(worker: Worker, project: Path) -> None:
    typed = [line for block in blocks(PAGE) if block.language == "sh" for line in block.lines]
    commands = [line.split()[1:] for line in typed if line.startswith("connector ")]
    assert len(commands) == 4
    for command in commands:
        done = worker.connector(*command, project=project)
        assert done.code == 0, done
    with closing(sqlite3.connect(project / "events.sqlite")) as database:
        events = database.execute("SELECT event_id, payload FROM events").fetchall()
    (listed,) = worker.connector("runs", "list", "--json", project=project).json["runs"]
    assert len(events) == listed["events"]["delivered"] > 0
    assert all(json.loads(payload)["event_id"] == event_id for event_id, payload in events)


def test_a_second_run_skips_what_the_first_delivered(worker: Worker, project: Path) -> None:
    runs = [
        worker.connector("run", "store_purchases", "--json", "--target", "database", project=project) for _ in range(2)
    ]
    last = runs[-1].record()
    assert last["rows"]["delivered"] == 0 < last["skips"]["already_delivered"]


@pytest.mark.thorough
def test_a_database_that_is_none_stops_the_run_which_goes_on_later(worker: Worker, project: Path) -> None:
    (project / "events.sqlite").write_bytes(b"no database" * 1000)
    if (project / ".connector").exists():
        (project / ".connector").rename(project / "earlier")
    stopped = worker.connector("run", "store_purchases", "--target", "database", project=project)
    assert (stopped.code, "Fix the database" in stopped.stderr) == (1, True), stopped
    assert worker.connector("destinations", "test", "store_events", "--target", "database", project=project).code == 1
    (project / "events.sqlite").unlink()
    assert worker.connector("resume", "--json", project=project).record()["rows"]["delivered"] > 0


def test_the_page_lists_every_verdict() -> None:
    assert {Verdict[name] for name in first_column(PAGE, "verdict")} == set(Verdict)
