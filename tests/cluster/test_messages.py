"""Ray prints to the standard output: what is worth telling becomes notes, and nothing else is told."""

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config.engine import LOCAL, EngineSettings
from connector.errors import ResumableError
from connector.runs.cluster import ray_cluster
from connector.runs.cluster.ray_cluster import Cluster, Messages, connect
from tests.cli.command import connector
from tests.cli.shop import GOOD, NAME
from tests.cluster.spread import CLUSTER, Spread


def test_a_message_is_told_once_without_colours_and_its_sender() -> None:
    messages = Messages()
    for _ in range(3):
        print("\x1b[33m(raylet)\x1b[0m Task read_split failed. It is retried.\nSee the log files.", file=messages)
    assert list(messages.take()) == ["Task read_split failed. It is retried."]
    print("(raylet) Task read_split failed. It is retried.", file=messages)
    assert list(messages.take()) == []


def test_messages_that_differ_have_an_end() -> None:
    messages = Messages()
    for number in range(100):
        print(f"Task {number} failed.", file=messages)
    assert len(list(messages.take())) == 20


class Ray:
    """Runs a task while it says that it runs one again."""

    def remote(self, **_: Any) -> Callable[[Any], Any]:
        """Take options of a task."""
        return lambda task: SimpleNamespace(remote=task)

    def wait(self, running: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        """Find all tasks at their end."""
        return running, []

    def get(self, result: Any) -> Any:
        """Return what a task returned."""
        print("(raylet) Task read_split failed. It is retried.")
        return result


def test_messages_become_notes_between_results() -> None:
    messages, notes = Messages(), list[str]()
    with redirect_stdout(messages):
        results = list(Cluster(Ray(), 1, messages, notes.append).run(abs, [(-number,) for number in range(9)], Event()))
    assert results == list(range(9))
    assert notes == ["Ray: Task read_split failed. It is retried."]


class Connected:
    """A cluster with so many free cores."""

    def __init__(self, free: float) -> None:
        self.resources = {"CPU": free} if free else {}

    def init(self, **_: Any) -> None:
        """Connect."""

    def shutdown(self) -> None:
        """Print what was not printed yet, as Ray does."""
        print("(raylet) Task read_split failed.")

    def cluster_resources(self) -> dict[str, float]:
        """Return all resources."""
        return {"CPU": 2.0}

    def available_resources(self) -> dict[str, float]:
        """Return those that nobody uses."""
        return self.resources

    def get_runtime_context(self) -> SimpleNamespace:
        """Return what this process knows of the cluster."""
        return SimpleNamespace(gcs_address="")


@pytest.mark.parametrize(("free", "count"), [(0.0, 1), (0.5, 1), (1.0, 0), (2.0, 0)])
def test_a_cluster_without_a_free_core_is_told_and_nothing_reaches_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free: float, count: int
) -> None:
    monkeypatch.setattr(ray_cluster, "_imported", lambda _: Connected(free))
    settings, notes = EngineSettings(name="laptop", type="ray", address=LOCAL, stage="/s"), list[str]()
    with connect(settings, notes.append):
        pass
    assert notes == ['No core of the engine "laptop" is free: the run waits for one.'] * count
    assert capsys.readouterr().out == ""


VERSIONS = """Version mismatch: The cluster was started with:
    Ray: 2.60.0
    Python: 3.11.9
This process on node 10.0.0.5 was started with:
    Ray: 2.60.0
    Python: 3.11.15
"""
NO_CLUSTER = (
    "Could not find any running Ray instance. Please specify the one to connect to by setting `--address` flag or "
    "`RAY_ADDRESS` environment variable."
)
FAULTS: dict[str, tuple[Exception, str]] = {
    "other versions": (
        RuntimeError(VERSIONS),
        "it has Ray 2.60.0 and Python 3.11.9, this process Ray 2.60.0 and Python 3.11.15. Install the same versions; "
        "`connector resume` goes on.",
    ),
    "no cluster": (
        ConnectionError(NO_CLUSTER),
        "this machine belongs to no cluster. Start one with `ray start`, or set RAY_ADDRESS to HOST:PORT of its head; "
        "`connector resume` goes on.",
    ),
    "any other": (ConnectionError("ray client connection timeout\nsee the log"), "ray client connection timeout"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cluster_that_cannot_be_reached_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    error, expected = FAULTS[fault]
    ray = Connected(2.0)

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setattr(ray_cluster, "_imported", lambda _: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ResumableError) as raised, connect(EngineSettings(name="laptop", type="ray", stage="/s")):
        pass
    assert raised.value.message == f'The engine "laptop" cannot be reached at auto: {expected}'


@pytest.mark.slow
def test_a_run_writes_nothing_of_ray(project: Callable[..., Spread]) -> None:
    made = project("FROM orders", tables={"orders": GOOD.format(rows=5_000)})
    outcome = connector("run", NAME, "--engine", CLUSTER, project=made.directory)
    assert outcome.code == 0
    written = outcome.stdout + outcome.stderr
    assert "\x1b" not in written
    assert not re.search(r"ray::|raylet|worker\.py|INFO|WARNING|I\d{4} ", written), written
