"""The ledger's statements while a run is sent by leases: its tasks run in one process, one after the other."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from benchmarks.counted_run import SIZES
from benchmarks.data import purchases
from benchmarks.one_run import STAGED, run_command
from benchmarks.project import project_folder
from benchmarks.seams import Function, wrap
from benchmarks.sink import running_sink
from tests.postgres import postgres

CONNECT = "connector.runs.cluster.driver:connect"
_NOWHERE = "127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class ClusterCounts:
    """The statements for one more batch of a thousand events, but for those that begin or end a transaction."""

    one: float
    """In one process."""
    leases: float
    """By leases."""


def measure_cluster_counts(data: Path) -> ClusterCounts:
    """Two runs of either kind, each in a process of its own."""
    one, leases = (_a_batch(data, cluster) for cluster in (None, _NOWHERE))
    return ClusterCounts(one, leases)


def _a_batch(data: Path, cluster: str | None) -> float:
    few, many = (_counted(purchases(data, rows), cluster) for rows in SIZES)
    return (many["statements"] - few["statements"]) / (many["requests"] - few["requests"])


def _counted(file: Path, cluster: str | None) -> dict[str, int]:
    with (
        postgres() as server,
        running_sink() as sink,
        project_folder(file, sink.url, ledger=server.url, cluster=cluster) as directory,
    ):
        command = [sys.executable, "-m", "benchmarks.cluster_counts", str(directory)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    counts: dict[str, int] = json.loads(told)
    return counts


class _Here:
    """In place of a cluster: runs tasks in this process."""

    cores = 2

    def run(
        self,
        task: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]],
        stop: Event,  # noqa: ARG002 - as `Cluster.run`
        **_: object,
    ) -> Iterator[Any]:
        """See `Cluster.run`."""
        return (task(*values) for values in arguments)


def _measure(directory: Path) -> dict[str, int]:
    from sqlalchemy import Engine, event

    statements, at_start = count(), [0]

    def counting(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN"):
            next(statements)

    def noting(function: Function) -> Function:
        @wraps(function)
        def noted(*arguments: Any, **named: Any) -> Any:
            at_start[0] = next(statements)
            return function(*arguments, **named)

        return noted

    @contextmanager
    def connected(*_: object, **__: object) -> Iterator[_Here]:
        yield _Here()

    wrap(STAGED, noting)
    wrap(CONNECT, lambda _: connected)
    event.listen(Engine, "before_cursor_execute", counting)
    record = run_command(directory)
    return {"requests": record["requests"]["sent"], "statements": next(statements) - at_start[0]}


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
