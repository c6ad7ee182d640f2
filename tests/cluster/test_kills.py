"""Whatever is killed, and whenever: a run on a cluster comes to its end, and only requests under way are repeated."""

import random
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.killing import (
    IN_FLIGHT,
    ROWS,
    Scene,
    driving,
    kill,
    kill_server_process,
)
from tests.cluster.nodes import Nodes
from tests.cluster.spread import Spread

Driver = subprocess.Popen[str]
REQUESTS = ROWS // 1_000
SHARE = IN_FLIGHT // 2
"""Requests of one sender."""

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(project: Callable[..., Spread], nodes: Nodes) -> Iterator[Scene]:
    yield Scene.of(project, nodes)
    for node in [node for node in nodes.running[1:] if node.process.poll() is not None]:
        nodes.running.remove(node)
    while len(nodes.running) < 2:
        nodes.add()


def reading(scene: Scene, driver: Driver, chance: random.Random) -> None:
    scene.until(lambda: scene.is_reading(chance.choice([0.0, 0.25, 0.5])), driver)


def sending(scene: Scene, driver: Driver, chance: random.Random) -> None:
    wanted = chance.randint(1, REQUESTS * 3 // 4)
    scene.until(lambda: scene.is_sending(wanted), driver)


def kill_task(name: str) -> Callable[[Scene, Driver, random.Random], None]:
    """Kill a process that works on a task."""

    def do(scene: Scene, driver: Driver, chance: random.Random) -> None:
        kill(chance.choice(scene.until(lambda: scene.tasks(name), driver)))

    return do


def kill_node(scene: Scene, _: Driver, chance: random.Random) -> None:
    """End a machine, or only the process by which Ray works on it."""
    node = scene.nodes.running[1]
    if chance.random() < 0.5:
        node.kill()
    else:
        kill(node.pids("raylet/raylet")[0])
        node.process.wait(60)


def kill_driver(_: Scene, driver: Driver, __: random.Random) -> None:
    driver.kill()
    driver.wait()


def kill_ledger(scene: Scene, _: Driver, __: random.Random) -> None:
    kill_server_process(scene.ledger)


def deduplicating(scene: Scene, driver: Driver, _: random.Random) -> None:
    scene.until(lambda: scene.is_deduplicating() or scene.is_staged(), driver)


def staged(scene: Scene, driver: Driver, _: random.Random) -> None:
    scene.until(scene.is_staged, driver)


KILLS: dict[str, tuple[Any, Any, int, int]] = {
    "a reader": (reading, kill_task("read_split"), 0, 3),
    "a sender": (sending, kill_task("send_leases"), SHARE, 3),
    "a node that reads": (reading, kill_node, 0, 2),
    "a node that sends": (sending, kill_node, SHARE, 2),
    "a driver that reads": (reading, kill_driver, 0, 2),
    "a driver that deduplicates": (deduplicating, kill_driver, 0, 1),
    "a driver that has staged": (staged, kill_driver, IN_FLIGHT, 1),
    "a driver that sends": (sending, kill_driver, IN_FLIGHT, 2),
    "the ledger while reading": (reading, kill_ledger, 0, 2),
    "the ledger while sending": (sending, kill_ledger, IN_FLIGHT, 2),
}
"""A kill: its moment, its victim, the requests that it may repeat, and how often."""
CASES = [(what, seed) for what, (*_, times) in KILLS.items() for seed in range(times)]


@pytest.mark.parametrize(("what", "seed"), CASES)
def test_kill(scene: Scene, what: str, seed: int) -> None:
    when, do, most_repeated, _ = KILLS[what]
    chance = random.Random(f"{what} {seed}")
    with driving(scene) as driver:
        when(scene, driver, chance)
        do(scene, driver, chance)
        scene.finish(driver)
    scene.check(most_repeated=most_repeated)
