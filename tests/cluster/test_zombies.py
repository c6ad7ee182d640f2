"""A sender that is frozen for longer than its lease and goes on changes nothing any more, wherever it was frozen."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.killing import IN_FLIGHT, Scene, driving, kill
from tests.cluster.nodes import Nodes
from tests.cluster.spread import Spread

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
HELD = "SELECT number FROM leases WHERE holder IS NOT NULL AND NOT done"
TERM = 5

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(project: Callable[..., Spread], nodes: Nodes) -> Scene:
    return Scene.of(project, nodes)


def frozen(scene: Scene, chance: random.Random, *, in_transaction: bool) -> int:
    """Freeze a sender that waits for an answer, within a transaction or without one, and return its number."""
    for _ in range(500):
        for pid in scene.tasks("send_leases"):
            time.sleep(chance.random() * 0.05)
            kill(pid, signal.SIGSTOP)
            time.sleep(0.05)
            rows = scene.ask(OPEN)
            if rows and (rows[0][0] > 0) == in_transaction:
                return pid
            kill(pid, signal.SIGCONT)
    raise AssertionError("No sender was caught.")


def epochs(scene: Scene) -> list[int]:
    """Return how often each lease was taken."""
    return [row[0] for row in scene.ask("SELECT epoch FROM leases ORDER BY number")]


@pytest.mark.parametrize("in_transaction", [False, True])
def test_zombie(scene: Scene, in_transaction: bool) -> None:
    chance = random.Random(int(in_transaction))
    scene.slow.seconds = 1.5
    with driving(scene) as driver:
        scene.until(lambda: len(scene.ask(HELD)) == 2, driver)
        scene.slow.seconds = 0.1 if in_transaction else 1.5
        pid = frozen(scene, chance, in_transaction=in_transaction)
        scene.until(lambda: max(epochs(scene)) > 1, driver)
        scene.slow.seconds = 0.05
        if not in_transaction:
            # Another sender has sent all that this one had under way.
            scene.until(lambda: not scene.ask("SELECT 1 FROM leases WHERE epoch > 1 AND NOT done"), driver)
        kill(pid, signal.SIGCONT)
        scene.finish(driver)
    scene.check(most_repeated=IN_FLIGHT // 2)


def test_a_node_that_stands_still_again_and_again_loses_nothing(scene: Scene) -> None:
    """Each time for as long as a lease, so that it hardly ever renews one in time."""
    scene.slow.seconds = 0.3
    with driving(scene) as driver:
        scene.until(lambda: scene.is_sending(2), driver)
        while driver.poll() is None:
            pids = scene.tasks("send_leases")
            for pid in pids:
                kill(pid, signal.SIGSTOP)
            time.sleep(TERM + 0.5)
            for pid in pids:
                kill(pid, signal.SIGCONT)
            time.sleep(1.0)
        scene.finish(driver)
    scene.check(most_repeated=10 * IN_FLIGHT)


def test_a_frozen_driver_keeps_no_core_of_the_cluster(scene: Scene) -> None:
    """Ray itself would keep it until the driver is killed: whoever takes the run over could not start a task."""
    with driving(scene) as driver:
        workers = scene.until(lambda: scene.tasks("read_split"), driver)
        kill(driver.pid, signal.SIGSTOP)
        until = time.monotonic() + 180
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < until
            time.sleep(1)
        kill(driver.pid, signal.SIGCONT)
        scene.finish(driver)
    scene.check(most_repeated=0)
