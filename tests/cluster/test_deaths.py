"""A task that always takes its process or its node with it ends the run in a sentence; one that does so at times runs."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from connector.errors import ResumableError
from connector.runs.cluster import ray_cluster, task_queue
from connector.runs.cluster.ray_cluster import Cluster, Messages
from tests.cluster.killing import Scene, driving
from tests.cluster.nodes import Nodes
from tests.cluster.spread import Spread


class RayError(Exception):
    """The base of Ray's own errors."""


class RayTaskError(RayError):
    """An error that a task raised."""


DEATHS = {name: type(name, (RayError,), {}) for name in ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")}
MOST = {"WorkerCrashedError": 5, "OutOfMemoryError": 5, "NodeDiedError": 20}


class Ray:
    """Runs tasks at once; those of one argument die some times first."""

    def __init__(self, argument: int, deaths: Sequence[str]) -> None:
        self.exceptions = SimpleNamespace(RayTaskError=RayTaskError, RayError=RayError)
        self.argument, self.deaths, self.options = argument, list(deaths), dict[str, Any]()
        self.attempts: Counter[int] = Counter()

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        """Take options of a task."""
        self.options = options
        return lambda task: SimpleNamespace(remote=task)

    def wait(self, running: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        """Find the first task at its end."""
        return running[:1], running[1:]

    def get(self, result: int) -> int:
        """Return what a task returned, unless it dies."""
        self.attempts[result] += 1
        if result == self.argument and self.deaths:
            raise DEATHS[self.deaths.pop(0)]
        return result


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_queue, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(ray_cluster, "_TICK_SECONDS", 0.001)


def ran(ray: Ray) -> tuple[list[int], list[str]]:
    """Run nine tasks, and return their results and the notes."""
    notes: list[str] = []
    cluster = Cluster(ray, 1, Messages(), notes.append)
    arguments = [(-number,) for number in range(9)]
    results = sorted(cluster.run(abs, arguments, Event(), label=lambda number: f"split {1 - number} of 9"))
    return results, notes


@pytest.mark.parametrize("death", MOST)
def test_a_task_that_dies_at_times_runs_again(death: str) -> None:
    ray = Ray(6, [death] * (MOST[death] - 1))
    results, notes = ran(ray)
    assert results == list(range(9))
    assert ray.attempts == dict.fromkeys(range(9), 1) | {6: MOST[death]}
    assert ray.options["max_retries"] == 0
    (note,) = notes
    assert "split 7 of 9" in note


@pytest.mark.parametrize("death", MOST)
def test_a_task_that_always_dies_ends_the_run_and_is_named(death: str) -> None:
    ray = Ray(6, [death] * 1_000)
    with pytest.raises(
        ResumableError, match=rf"^Gave up split 7 of 9: .*\b{MOST[death]}\b.*`connector resume` goes on"
    ):
        ran(ray)
    assert ray.attempts[6] == MOST[death]


def test_processes_and_nodes_are_counted_apart() -> None:
    """Nodes that are taken away, as spot instances are, are no fault of a task."""
    deaths = ["NodeDiedError"] * 19 + ["WorkerCrashedError", "OutOfMemoryError"] * 2
    assert ran(Ray(6, deaths))[0] == list(range(9))
    with pytest.raises(ResumableError, match=r"died 5 times, at last because its node was short of memory"):
        ran(Ray(6, [*deaths, "OutOfMemoryError"]))


@pytest.mark.slow
def test_a_split_that_always_kills_its_process_is_given_up_and_read_once_it_does_not(
    project: Callable[..., Spread], nodes: Nodes
) -> None:
    scene = Scene.of(project, nodes)
    with driving(scene) as driver:
        while driver.poll() is None:
            for pid in scene.tasks("read_split"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 1
    assert "Gave up split" in errors
    assert scene.record()["status"] == "failed"
    assert scene.resumed().code == 0
    scene.check(most_repeated=0)
