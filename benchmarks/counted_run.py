"""A run whose calls, statements and transactions are counted: these are the same however busy the machine is."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.data import purchases
from benchmarks.one_run import STAGED, STARTED, run_command
from benchmarks.project import project_folder
from benchmarks.seams import Function, wrap
from benchmarks.sink import running_sink

SIZES = (60_000, 120_000)
"""Rows of the two runs of which the difference is taken, so that what each does but once does not count: either has an
engine for each thread."""


@dataclass(frozen=True, slots=True)
class PerBatch:
    """What one more batch of a thousand events takes, with its share of staging.

    `staging_calls` and `sending_calls` are of functions, in Python and in C, in all threads; `statements` (but for
    those that begin a transaction) and `transactions` are the ledger's while it is sent.
    """

    staging_calls: float
    sending_calls: float
    statements: float
    transactions: float


def measure_counts(data: Path) -> PerBatch:
    """Two runs, each in a process of its own."""
    few, many = (_counted(purchases(data, rows)) for rows in SIZES)
    batches = many["requests"] - few["requests"]
    names = ("staging_calls", "sending_calls", "statements", "transactions")
    return PerBatch(*((many[name] - few[name]) / batches for name in names))


def _counted(file: Path) -> dict[str, int]:
    with running_sink() as sink, project_folder(file, sink.url) as directory:
        command = [sys.executable, "-m", "benchmarks.counted_run", str(directory)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    counts: dict[str, int] = json.loads(told)
    return counts


class _Counts:
    """Counts from the moment at which the run has begun, until its stage is complete, and from there to its end."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._calls, self._statements, self._transactions = count(), count(), count()
        self._stage = "before"

    def watch(self) -> None:
        wrap(STARTED, self._then("staging"))
        wrap(STAGED, self._then("sending"))
        self._watch_the_ledger()
        threading.setprofile(self._event)
        sys.setprofile(self._event)

    def end(self) -> None:
        sys.setprofile(None)
        self._next("after")

    def _watch_the_ledger(self) -> None:
        from sqlalchemy import Engine, event

        event.listen(Engine, "commit", lambda _: next(self._transactions))
        event.listen(Engine, "before_cursor_execute", self._statement)

    def _statement(self, _: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN"):
            next(self._statements)

    def _event(self, _: object, kind: str, __: object) -> None:
        if kind in {"call", "c_call"}:
            next(self._calls)

    def _then(self, stage: str) -> Callable[[Function], Function]:
        def around(function: Function) -> Function:
            @wraps(function)
            def noting(*arguments: Any, **named: Any) -> Any:
                self._next(stage)
                return function(*arguments, **named)

            return noting

        return around

    def _next(self, stage: str) -> None:
        for name in ("calls", "statements", "transactions"):
            self.found[f"{self._stage}_{name}"] = next(getattr(self, f"_{name}"))
            setattr(self, f"_{name}", count())
        self._stage = stage


def _measure(directory: Path) -> dict[str, int]:
    counts = _Counts()
    counts.watch()
    record = run_command(directory)
    counts.end()
    found = counts.found
    return {
        "requests": record["requests"]["sent"],
        "staging_calls": found["staging_calls"],
        "sending_calls": found["sending_calls"],
        "statements": found["sending_statements"],
        "transactions": found["sending_transactions"],
    }


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
