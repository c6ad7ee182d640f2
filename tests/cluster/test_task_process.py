"""A process that a node started for tasks ends once it has none: a frozen driver would keep its core for ever."""

import os
import subprocess
import sys
import time

import pytest

PROGRAM = """
import pickle, sys, time
from connector.runs.cluster import task_process
task_process._IDLE_SECONDS = 0.3
tasks, pause = int(sys.argv[1]), float(sys.argv[2])
for _ in range(tasks):
    assert task_process.run_task("time:sleep", pickle.dumps((0.4,))) is None
    time.sleep(pause)
print("still here")
"""
NODE = {"RAY_RAYLET_PID": "1"}


def lives(tasks: int, pause: float, environ: dict[str, str]) -> bool:
    """Return whether a process is still there after its last pause; each task takes longer than it may idle."""
    words = [sys.executable, "-c", PROGRAM, str(tasks), str(pause)]
    done = subprocess.run(words, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return "still here" in done.stdout


@pytest.mark.parametrize(
    ("tasks", "pause", "environ", "expected"),
    [(1, 20.0, NODE, False), (2, 0.0, NODE, True), (1, 0.6, {}, True)],
    ids=["no task comes", "another task comes", "not a process of a node"],
)
def test_a_process_of_a_node_ends_when_it_is_idle(
    tasks: int, pause: float, environ: dict[str, str], *, expected: bool
) -> None:
    began = time.monotonic()
    assert lives(tasks, pause, environ) == expected
    assert time.monotonic() - began < 20
