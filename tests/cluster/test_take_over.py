"""A run whose driver stands still is taken over by another machine, and the first driver and its tasks change nothing."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.command import connector, inside
from tests.cli.shop import NAME
from tests.cluster.killing import EXPECTED, IN_FLIGHT, QUERY, WAITS, Scene, arrived, driving, kill
from tests.cluster.nodes import Nodes
from tests.cluster.spread import CLUSTER, Spread

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(project: Callable[..., Spread], nodes: Nodes) -> Scene:
    return Scene.of(project, nodes)


def other_folder(scene: Scene, folder: Path) -> Path:
    """Return the project in a folder as on another machine: it has the ledger and the stage in common."""
    return shutil.copytree(scene.spread.directory, folder, ignore=shutil.ignore_patterns(".connector"))


def forget_heartbeat(scene: Scene) -> None:
    """Let the driver look as if it had been silent for long."""
    with psycopg.connect(scene.ledger, autocommit=True) as connection:
        connection.execute("UPDATE locks SET alive_at = 0")


PHASES: dict[str, Callable[[Scene], bool]] = {
    "reading": lambda scene: scene.is_reading(0.1),
    "deduplicating": lambda scene: scene.is_deduplicating() or scene.is_staged(),
    "sending": lambda scene: scene.is_sending(8),
}


@pytest.mark.parametrize("phase", PHASES)
def test_take_over(scene: Scene, tmp_path: Path, phase: str) -> None:
    other = other_folder(scene, tmp_path / "another-machine")
    with driving(scene) as driver:
        scene.until(lambda: PHASES[phase](scene), driver)
        kill(driver.pid, signal.SIGSTOP)
        forget_heartbeat(scene)
        with driving(scene, "resume", "--json", directory=other) as second:
            if phase == "deduplicating":
                second.wait(WAITS)
            # Until then the first driver keeps the cores of its tasks.
            scene.until(lambda: second.poll() is not None or scene.ask("SELECT 1 FROM moments WHERE what = 'resumed'"))
            before = told(scene) if phase == "deduplicating" else None
            kill(driver.pid, signal.SIGCONT)
            output, errors = driver.communicate(timeout=WAITS)
            resumed = second.communicate(timeout=WAITS)
            assert second.returncode == 0, resumed
    assert driver.returncode == 1, (output, errors)
    assert "was taken over by another process" in errors
    assert before in {None, told(scene)}
    scene.check(most_repeated=IN_FLIGHT if phase == "sending" else 0)
    record = scene.record()
    listed = inside("rejects", record["run_id"], "--format", "json", project=other)
    assert len(json.loads(listed.stdout)) == record["rows"]["rejected"]


def told(scene: Scene) -> str:
    """Return all that the ledger has of the run."""
    tables = ("batches", "parts", "requests", "splits", "leases")
    return str([scene.ask(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables])


def test_a_run_whose_query_has_changed_since_it_was_stopped_is_read_anew(scene: Scene) -> None:
    """No split of the former query counts, although the table is divided in the same way."""
    with driving(scene) as driver:
        scene.until(lambda: scene.is_reading(0.1), driver)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=60)
    assert scene.splits()[0] > 0
    scene.spread.shop.query.write_text(QUERY.replace("2.5 AS value", "3.5 AS value"))
    outcome = connector("run", NAME, "--engine", CLUSTER, "--json", project=scene.spread.directory)
    assert outcome.code == 0, outcome
    assert arrived(scene.spread.tiktok.accepted) == EXPECTED
    values = {event["properties"]["value"] for request in scene.spread.tiktok.accepted for event in request.events}
    assert values == {3.5}
