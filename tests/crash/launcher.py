"""Runs commands in processes of their own and kills them, as `kill -9` would, at a named or a random moment.

Reads orders, one JSON object a line, and answers each with how the process ended. A process is forked from this one,
which has loaded the product and done nothing else: loading it for every kill would take longer than all the rest.

A named moment is the N-th time that a function is entered or left; a generator is entered and left at each step.
The product knows nothing of it: the interpreter tells of every call.
"""

import itertools
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

EVENTS = {"before": "call", "after": "return"}
TOO_LONG = 120

LOADED = (
    "connector.cli.running",
    "connector.destinations.tiktok.client",
    "connector.pipeline.resume",
    "connector.pipeline.retry",
    "connector.pipeline.run",
    "connector.sources.duckdb",
    "pyarrow.parquet",
    "sqlalchemy.dialects.sqlite",
)
"""Everything that a run needs, so that no forked process has to load it."""


@dataclass(frozen=True)
class Order:
    """`command` is run on `project`; it is killed at a moment, or after so many `seconds`."""

    project: str
    command: list[str]
    output: str
    function: str = ""
    when: str = "before"
    number: int = 1
    seconds: float | None = None


class Killer:
    """Told of every call and return in every thread."""

    def __init__(self, order: Order) -> None:
        self._module, _, self._name = order.function.partition(":")
        self._event, self._number = EVENTS[order.when], order.number
        self._seen = itertools.count(1)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == self._event and frame.f_code.co_qualname == self._name and self._is_there(frame):
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_there(self, frame: FrameType) -> bool:
        return frame.f_globals.get("__name__") == self._module and next(self._seen) == self._number


def carry_out(order: Order) -> None:
    """What the forked process does; it comes back only where the command ends by itself."""
    from connector.cli.app import app

    signal.alarm(TOO_LONG)
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["CONNECTOR_PROJECT"] = order.project
    if order.function:
        killer = Killer(order)
        threading.setprofile(killer)
        sys.setprofile(killer)
    app(order.command, standalone_mode=True)


def forked(order: Order) -> int:
    """Starts a process; gives its exit code, or less than zero the signal that ended it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            carry_out(order)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(code)
    if order.seconds is not None:
        time.sleep(order.seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    for name in LOADED:
        import_module(name)
    os.chdir(Path("/"))
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        print(forked(Order(**asked)), flush=True)


if __name__ == "__main__":
    main()
