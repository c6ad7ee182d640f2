"""Run a task in a process that is configured for it before anything else is loaded."""

import os
import pickle
from importlib import import_module
from typing import Any

from connector.core.memory import retain_freed_memory

_KEPT_MILLISECONDS = 100
"""For which memory is kept: about what a slice takes. A node has several of these processes: to keep all of it, as the
command does, would take a quarter more memory."""


def run_task(task: str, arguments: bytes) -> Any:
    """Call the function `task`, named as `package.module:function`, with pickled arguments."""
    # As `configure_process` does for the command line.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    retain_freed_memory(_KEPT_MILLISECONDS)
    module, _, name = task.partition(":")
    return getattr(import_module(module), name)(*pickle.loads(arguments))  # noqa: S301
