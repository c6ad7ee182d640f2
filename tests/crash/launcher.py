"""Runs commands in processes of their own and kills them, as `kill -9` would, at a named or a random moment.

Reads orders, one JSON object a line, and answers each with how the process ended and after how long. A process is forked from this one,
which has loaded the product and done nothing else: loading it for every kill would take longer than all the rest.

A named moment is the N-th time that a function is entered or left; a generator is entered and left at each step. A
random moment is so many seconds after the beginning, or the N-th call of any function that has to do with state.
The product knows nothing of it: the interpreter tells of every call.
"""

import itertools
import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from tests.databases import open_databases
from tests.forked import MOST_DATABASES, build_commands

EVENTS = {"before": "call", "after": "return"}
TOO_LONG = 120

STATEFUL = tuple(
    f"connector.{name}" for name in ("core.disk", "delivery", "destinations", "ledger", "runs", "scheduler", "staging")
)
"""The packages that write, send and remember."""

POLL_SECONDS = 0.002

LOADED = (
    "connector.cli.running",
    "connector.destinations.tiktok.client",
    "connector.destinations.tiktok.audience.destination",
    "connector.privacy.forget",
    "connector.runs.resume",
    "connector.runs.retry",
    "connector.runs.run",
    "connector.scheduler.daemon",
    "connector.sources.duckdb",
    "pyarrow.parquet",
    "sqlalchemy.dialects.sqlite",
)
"""Everything that a run needs, so that no forked process has to load it."""


@dataclass(frozen=True)
class Order:
    """`command` is run on `project`; it is killed at a moment, after so many `seconds`, or at so many `calls`.

    With `calls` the number of calls is written beside the output where the command ends by itself; 0 only counts.
    """

    project: str
    command: list[str]
    output: str
    function: str = ""
    when: str = "before"
    number: int = 1
    seconds: float | None = None
    calls: int | None = None


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


class Counter:
    """Told of every call and return in every thread; kills at the N-th call of the packages that keep state."""

    def __init__(self, number: int) -> None:
        self._number, self._calls = number, itertools.count(1)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        stateful = event == "call" and frame.f_globals.get("__name__", "").startswith(STATEFUL)
        if stateful and next(self._calls) == self._number:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return next(self._calls) - 1


def calls_file(output: str) -> Path:
    """Where the number of calls is written."""
    return Path(f"{output}.calls")


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
    if order.calls is not None:
        counter = Counter(order.calls)
        threading.setprofile(counter)
        sys.setprofile(counter)
        try:
            app(order.command, standalone_mode=True)
        finally:
            sys.setprofile(None)
            calls_file(order.output).write_text(str(counter.calls))
    app(order.command, standalone_mode=True)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or less than zero the signal that ended it; and how long it lived."""

    code: int
    seconds: float


def forked(order: Order) -> Ended:
    """Start a process and wait for its end; kill it after `order.seconds`."""
    began, child = time.monotonic(), os.fork()
    if not child:
        code = 1
        try:
            carry_out(order)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(code)
    until = began + order.seconds if order.seconds is not None else None
    return Ended(os.waitstatus_to_exitcode(_status(child, until)), time.monotonic() - began)


def _status(child: int, until: float | None) -> int:
    """The status that the system gives when a process has ended; it is killed when the time comes."""
    while until is not None and time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
    if until is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def main() -> None:
    for name in LOADED:
        import_module(name)
    open_databases(MOST_DATABASES)
    build_commands()
    os.chdir(Path("/"))
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        print(json.dumps(asdict(forked(Order(**asked)))), flush=True)


if __name__ == "__main__":
    main()
