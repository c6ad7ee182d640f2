"""A stop of a run on a cluster stops all its senders, as it stops one process; the rest is sent later."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import connector
from tests.cli.tiktok import OK, Reply
from tests.cluster.killing import EXPECTED, IN_FLIGHT, Scene, Slow, arrived, driving
from tests.cluster.nodes import Nodes
from tests.cluster.spread import Spread
from tests.postgres import Postgres

INTERRUPTED = 130
AT_ONCE = 15.0
"""Seconds, on a busy machine: a request takes fifteen hundredths."""
ANSWERS = {
    "a revoked token": Reply(40105, "Access token is incorrect or has been revoked.", 401),
    "everything refused": Reply(40002, "Invalid value for event_source_id.", 400),
    "a service that fails": Reply(50000, "Internal error.", 500),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(project: Callable[..., Spread], nodes: Nodes) -> Scene:
    return Scene.of(project, nodes)


def unknown(scene: Scene) -> list[tuple[object, ...]]:
    """Return the batches of which it is not known what became of a request."""
    return scene.ask("SELECT number, state FROM batches WHERE state IN ('sending', 'unknown')")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_user_stops_all_machines_and_resumes_on_another(scene: Scene, tmp_path: Path, number: int) -> None:
    """Ctrl-C reaches all processes of a terminal, SIGTERM only the driver."""
    with driving(scene) as driver:
        scene.until(lambda: scene.is_sending(6), driver)
        began = time.monotonic()
        (os.killpg if number == signal.SIGINT else os.kill)(driver.pid, number)
        output, errors = driver.communicate(timeout=60)
    assert time.monotonic() - began < AT_ONCE
    assert driver.returncode == INTERRUPTED, (output, errors)
    assert scene.slow.under_way == 0
    record = scene.record()
    assert (record["status"], unknown(scene)) == ("interrupted", [])
    assert record["requests"]["sent"] == len(scene.spread.tiktok.requests) < len(EXPECTED) // 1_000
    other = tmp_path / "another-machine"
    shutil.copytree(scene.spread.directory, other, ignore=shutil.ignore_patterns(".connector"))
    resumed = connector("resume", "--json", project=other)
    assert resumed.code == 0, resumed
    scene.check(most_repeated=0)


def test_a_user_stops_while_machines_read(scene: Scene) -> None:
    with driving(scene) as driver:
        scene.until(scene.is_reading, driver)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=60)
    assert driver.returncode == INTERRUPTED
    assert scene.record()["status"] == "interrupted"
    assert scene.slow.begun == 0
    assert scene.resumed().code == 0
    scene.check(most_repeated=0)


def test_a_user_stops_twice(scene: Scene) -> None:
    scene.slow.seconds = 2.0
    with driving(scene) as driver:
        scene.until(lambda: scene.is_sending(4), driver)
        driver.send_signal(signal.SIGINT)
        time.sleep(0.2)
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=60)
        assert driver.returncode == INTERRUPTED
    scene.slow.seconds = 0.1
    assert scene.resumed().code == 0
    scene.check(most_repeated=IN_FLIGHT)


def test_a_user_stops_a_cluster_of_this_machine_alone(project: Callable[..., Spread], nodes: Nodes) -> None:
    """Another cluster runs here, which is not asked; Ray's own processes are in the group of the terminal."""
    scene = Scene.of(project, nodes, address="local")
    with driving(scene) as driver:
        scene.until(lambda: scene.is_sending(6), driver)
        os.killpg(driver.pid, signal.SIGINT)
        output, errors = driver.communicate(timeout=60)
    assert driver.returncode == INTERRUPTED, (output, errors)
    assert unknown(scene) == []
    assert scene.resumed().code == 0
    scene.check(most_repeated=0)


@pytest.mark.parametrize("what", ANSWERS)
def test_what_the_service_says_ends_a_run_as_it_ends_that_of_one_process(
    scene: Scene, postgres: Postgres, what: str
) -> None:
    after = 0 if what == "everything refused" else 6
    found = []
    for engine in ("none", "cluster"):
        scene.spread.tiktok.answer = scene.slow = Slow(0.1, lambda number: OK if number <= after else ANSWERS[what])
        outcome = scene.spread.run(engine)
        record = outcome.json
        found.append((outcome.code, record["status"], record["error"], len(record["rejects"])))
        assert scene.slow.under_way == 0
        assert unknown(scene) == []
        if engine == "none":
            scene.spread.forget(postgres.new_database())
    assert found[0] == found[1]
    assert scene.slow.begun <= after + 12 * IN_FLIGHT
    scene.spread.tiktok.answer = scene.slow = Slow(0.0)
    assert scene.resumed().code == 0
    assert arrived(scene.spread.tiktok.accepted) == EXPECTED
    scene.check_ledger()
