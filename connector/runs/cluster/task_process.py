"""Run a task in a process that is configured for it before anything else is loaded."""

import os
import pickle
import threading
from importlib import import_module
from typing import Any

from connector.core.memory import retain_freed_memory, return_freed_memory

_KEPT_MILLISECONDS = 1_000
"""For which memory is kept: longer than a slice takes on a busy node, or each would fault its memory in again. A node
has several of these processes: what they keep is returned at the end of each task."""
_IDLE_SECONDS = 60.0
"""After which a process without a task ends. Ray ends it earlier, unless the driver that it waits for is frozen: the
core of the node would be taken until somebody kills that."""
_STARTED_BY_A_NODE = "RAY_RAYLET_PID"
"""Is in the environment of a process that a node has started to run tasks."""
_idle = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
"""Runs while this process has no task."""


def run_task(task: str, arguments: bytes) -> Any:
    """Call the function `task`, named as `package.module:function`, with pickled arguments."""
    _idle.cancel()
    try:
        # As `configure_process` does for the command line.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        retain_freed_memory(_KEPT_MILLISECONDS)
        module, _, name = task.partition(":")
        return getattr(import_module(module), name)(*pickle.loads(arguments))  # noqa: S301
    finally:
        # What the next task needs would not fit into it, and be added.
        return_freed_memory()
        _end_when_idle()


def _end_when_idle() -> None:
    global _idle  # noqa: PLW0603
    if _STARTED_BY_A_NODE not in os.environ:
        return
    _idle = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
    _idle.daemon = True
    _idle.start()
