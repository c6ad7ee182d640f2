"""Work in progress: locks, launches that have not ended, and the progress of runs."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Float, String, cast, literal, null, or_, select, union_all

from connector.ledger.database import now_expression
from connector.ledger.launches import OPEN_STATES
from connector.ledger.locks import (
    SECONDS_BETWEEN_HEARTBEATS,
    SECONDS_UNTIL_DEAD,
    is_file_free,
    process_exists,
    state_id,
)
from connector.ledger.tables import launches, locks, progress, runs

_PROGRESS = ("at", "phase", "unit", "rows_read", "total", "done", "refused", "retried")


@dataclass(frozen=True, slots=True)
class ActiveLock:
    """A process that is alive and works on an orchestration, or is `connector start`."""

    orchestration: str
    """The orchestration, or `/start`."""
    host: str
    """The machine."""
    process: int
    """The process id on that machine."""
    since: str
    """Its start, UTC in ISO 8601."""
    holder: str
    """The id of the lock: the run with the same `holder` and status `running` is the one in progress."""


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """A run that somebody asked for and that has not ended."""

    id: str
    """Its id."""
    at: str
    """When it was asked for, UTC in ISO 8601."""
    actor: str
    """Who asked for it."""
    command: str
    """`run`, `resume` or `retry`."""
    orchestration: str
    """The name of the orchestration."""
    state: str
    """`waiting` or `started`."""
    run_id: str | None
    """The run, once there is one."""
    stop_requested_at: str | None
    """When somebody asked to stop it."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run in progress is."""

    run_id: str
    """The run."""
    at: str
    """When this was written, UTC in ISO 8601."""
    phase: str
    """`reading` or `sending`."""
    unit: str
    """`event` or `identifier`."""
    rows_read: int
    """Rows that were read."""
    total: int | None
    """Events, or identifiers, to send; None until all of them are staged."""
    done: int
    """Those that were delivered or refused."""
    refused: int
    """Those that were refused."""
    retried: int
    """Requests that repeated an earlier one."""

    @property
    def percent(self) -> float | None:
        """The percentage of events that have an outcome; None until the total is known."""
        return 100.0 * self.done / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class WorkUnderWay:
    """Everything that is under way under a target."""

    locks: tuple[ActiveLock, ...]
    """The processes that are alive."""
    launches: tuple[OpenLaunch, ...]
    """The launches that have not ended, oldest first."""
    progress: tuple[RunProgress, ...]
    """The progress of the runs that write it."""

    def progress_of(self, run_id: str) -> RunProgress | None:
        """Return the progress of a run, if it writes any."""
        return next((one for one in self.progress if one.run_id == run_id), None)

    def lock_on(self, orchestration: str) -> ActiveLock | None:
        """Return the process that works on an orchestration."""
        return next((lock for lock in self.locks if lock.orchestration == orchestration), None)


def work_under_way(connection: Connection, state_directory: Path, target: str) -> WorkUnderWay:
    """Return what is under way under a target. One statement, over small tables."""
    rows = connection.execute(_everything(connection, target)).all()
    own = state_id(state_directory)
    open_launches = sorted((row for row in rows if row.kind == "launch"), key=lambda row: (row.t1, row.t2))
    return WorkUnderWay(
        tuple(
            ActiveLock(row.t1, row.t2, row.n1, row.t3, row.t4)
            for row in rows
            if row.kind == "lock" and _is_alive(row, own, state_directory, target)
        ),
        tuple(OpenLaunch(row.t2, row.t1, row.t3, row.t4, row.t5, row.t6, row.t7, row.t8) for row in open_launches),
        tuple(
            RunProgress(row.t1, row.t2, row.t3, row.t4, row.n1, row.n2, row.n3, row.n4, row.n5)
            for row in rows
            if row.kind == "progress"
        ),
    )


def _everything(connection: Connection, target: str) -> Any:
    of_lock = locks.c
    held = _padded(
        "lock",
        (of_lock.orchestration, of_lock.host, of_lock.since, of_lock.holder, of_lock.place),
        (of_lock.process,),
        now_expression(connection) - of_lock.alive_at,
    ).where(of_lock.target == target)
    names = ("at", "id", "actor", "command", "orchestration", "state", "run_id", "stop_requested_at")
    opened = _padded("launch", [launches.c[name] for name in names])
    is_open = or_(*(launches.c.state == state for state in OPEN_STATES))
    numbers = [progress.c[name] for name in ("rows_read", "total", "done", "refused", "retried")]
    texts = [progress.c[name] for name in ("run_id", "at", "phase", "unit")]
    going = _padded("progress", texts, numbers).join(runs, runs.c.run_id == progress.c.run_id)
    return union_all(held, opened.where(launches.c.target == target, is_open), going.where(runs.c.target == target))


def _padded(kind: str, texts: Any, numbers: Any = (), age: ColumnElement[Any] | None = None) -> Any:
    """Select columns of one table under names that all tables share."""
    columns: list[Any] = [literal(kind).label("kind")]
    for position in range(8):
        value = texts[position] if position < len(texts) else cast(null(), String)
        columns.append(value.label(f"t{position + 1}"))
    for position in range(5):
        value = numbers[position] if position < len(numbers) else null()
        columns.append(cast(value, BigInteger).label(f"n{position + 1}"))
    return select(*columns, cast(age if age is not None else null(), Float).label("age"))


def progress_columns() -> list[ColumnElement[Any]]:
    """Return the columns of `progress` that `read_progress` needs, under names of their own."""
    return [progress.c[name].label(f"progress_{name}") for name in _PROGRESS]


def read_progress(row: Any) -> RunProgress | None:
    """Return the progress in a row that has `progress_columns` and `run_id`; None if they are NULL."""
    if row.progress_at is None:
        return None
    return RunProgress(row.run_id, *(getattr(row, f"progress_{name}") for name in _PROGRESS))


def _is_alive(row: Any, own: str, state_directory: Path, target: str) -> bool:
    """Return whether the process of a lock is alive.

    The file of a lock of this state folder says so, but trying it disturbs a process that is about to take it. So the
    file is tried only if the last heartbeat is late, and a process of this machine that is gone needs no trial.
    """
    if row.t5 != own:
        return bool(row.age < SECONDS_UNTIL_DEAD)
    if row.t2 == socket.gethostname() and not process_exists(row.n1):
        return False
    if row.age < 2 * SECONDS_BETWEEN_HEARTBEATS:
        return True
    return not is_file_free(state_directory, row.t1, target)
