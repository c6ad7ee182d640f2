"""A cluster that loses its head in the middle of a run: a sentence, instead of the end of the process by Ray."""

import json
import os
import signal
import socket
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from connector.errors import ConnectorError, ResumableError
from connector.runs.cluster import ray_cluster
from connector.runs.cluster.ray_cluster import Cluster, Head, Messages
from tests.cluster.killing import Scene, driving
from tests.cluster.nodes import nodes
from tests.cluster.spread import Spread
from tests.postgres import free_port


class Ray:
    """Runs tasks that end after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def remote(self, **_: Any) -> Callable[[Any], Any]:
        """Take options of a task."""
        return lambda task: SimpleNamespace(remote=task)

    def wait(self, running: list[Any], *, timeout: float, **_: Any) -> tuple[list[Any], list[Any]]:
        """Find no task at its end at first."""
        Event().wait(timeout)
        self.looks -= 1
        return (running[:1], running[1:]) if self.looks < 0 else ([], running)

    def get(self, result: int) -> int:
        """Return what a task returned."""
        return result

    def cancel(self, *_: Any, **__: Any) -> None:
        """End a task."""


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "slow" not in request.keywords:
        for name in ("_TICK_SECONDS", "_HEAD_SECONDS"):
            monkeypatch.setattr(ray_cluster, name, 0.01)
        monkeypatch.setattr(ray_cluster, "_HEAD_PATIENCE", 0.1)
        monkeypatch.setattr(ray_cluster, "_HEAD_LIMIT", 0.3)


def ran(address: str, looks: int, **options: Any) -> list[int]:
    """Run a task that ends after so many looks at the head."""
    cluster = Cluster(Ray(looks), 1, Messages(), lambda _: None, Head(address))
    return list(cluster.run(abs, [(-1,)], Event(), **options))


def test_a_head_that_answers_and_one_that_nobody_watches() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ran(f"127.0.0.1:{server.getsockname()[1]}", 30) == [1]
    assert ran("", 30) == [1]


def test_a_head_that_is_away_for_a_moment() -> None:
    assert ran(f"127.0.0.1:{free_port()}", 3) == [1]


def test_a_head_that_is_gone_ends_the_run() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ResumableError, match=rf"^The head of the cluster at {address} is gone: .*`connector resume`"):
        ran(address, 1_000)


def test_tasks_that_do_not_end_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of nodes that died with the head are held until their terms run out, after Ray has ended the process."""
    told: list[ConnectorError | None] = []
    with pytest.raises(ResumableError, match="The head of the cluster"):
        ran(f"127.0.0.1:{free_port()}", 1_000, wind_down=told.append)
    assert len(told) > 1
    assert isinstance(told[0], ResumableError)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["reading", "sending"])
def test_a_run_without_a_head_ends_in_a_sentence_and_is_resumed(project: Callable[..., Spread], phase: str) -> None:
    with nodes() as first:
        scene = Scene.of(project, first, lease_seconds=90, address=first.address)
        scene.slow.seconds = 1.0
        with driving(scene) as driver:
            task, head = "read_split" if phase == "reading" else "send_leases", first.running[0]
            # It would end all processes of the head, and the tasks would run elsewhere.
            os.kill(head.process.pid, signal.SIGSTOP)
            for pid in scene.until(lambda: scene.tasks(task), driver):
                os.kill(pid, signal.SIGSTOP)
            os.kill(head.pids("gcs_server")[0], signal.SIGKILL)
            output, errors = driver.communicate(timeout=100)
        assert driver.returncode == 1, errors
        assert "The head of the cluster" in errors
        assert json.loads(output)["status"] == "failed"
    scene.slow.seconds = 0.05
    with nodes() as second:
        scene.spread.change_engine(address=second.address)
        assert scene.resumed().code == 0
    scene.check(most_repeated=8)
