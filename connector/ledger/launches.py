"""Launches: runs that somebody asked for, each executed by a process of its own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from connector.core.secret_registry import without_secrets
from connector.ledger.database import Database, as_text
from connector.ledger.tables import launches, runs

STOPPED = "Stopped before it started."


class LaunchState(StrEnum):
    """The state of a launch."""

    WAITING = "waiting"
    """It has no process yet."""
    STARTED = "started"
    """It has a process, and a run unless that process still reads settings or waits for the ledger."""
    ENDED = "ended"
    """Its run has ended, as the run's status says."""
    NOT_STARTED = "not_started"
    """It ended without a run, as its `error` says."""


OPEN_STATES = (LaunchState.WAITING, LaunchState.STARTED)


@dataclass(frozen=True, slots=True)
class NewLaunch:
    """A run that somebody asks for."""

    actor: str
    """Who asks: the user whose rights the process checks again."""
    command: str
    """`run`, `resume` or `retry`."""
    orchestration: str
    """The name of the orchestration."""
    target: str
    """The name of its target."""
    host: str
    """The machine whose process is to execute it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the command by their names in `connector.Project`; for `resume` and `retry`, also `run_id`."""
    agreed: Mapping[str, Any] | None = None
    """`changes` and `removals` that the user agreed to, see `Agreement`; None: nothing was shown."""
    via: str | None = None
    """The way by which the actor asks, such as `console`."""
    peer: str | None = None
    """The address from which the actor asks."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that somebody asked for."""

    id: str
    """Its id."""
    at: str
    """When it was asked for, UTC in ISO 8601."""
    request: NewLaunch
    """The run that was asked for."""
    state: LaunchState
    """Its state."""
    process: int | None
    """The id of its process on `request.host`."""
    run_id: str | None
    """The run; of `run`, first an interrupted one that it resumes, then its own."""
    stop_requested_at: str | None
    """When somebody asked to stop it."""
    ended_at: str | None
    """Its end."""
    error: str | None
    """The message of the error that ended its process."""


class Launches:
    """The table of launches. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewLaunch) -> str:
        """Add a launch that waits, and return its id."""
        launch_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{token_hex(4)}"
        values = {"id": launch_id, "at": as_text(datetime.now(UTC)), "state": LaunchState.WAITING, **asdict(new)}
        with self._database.writing() as connection:
            connection.execute(insert(launches).values(values))
        return launch_id

    def get(self, launch_id: str) -> Launch | None:
        """Return the launch with this id, if there is one."""
        with self._database.reading() as connection:
            return read_launch(connection, launch_id)

    def open_on(self, host: str) -> list[Launch]:
        """Return the launches on a machine that have not ended, oldest first."""
        query = select(launches).where(launches.c.host == host, launches.c.state.in_(OPEN_STATES))
        with self._database.reading() as connection:
            return [_launch(row) for row in connection.execute(query.order_by(launches.c.at, launches.c.id))]

    def claim(self, launch_id: str) -> bool:
        """Mark a waiting launch as started; return False if it does not wait, as another process has claimed it."""
        is_waiting = (launches.c.id == launch_id) & (launches.c.state == LaunchState.WAITING)
        with self._database.writing() as connection:
            claimed = update(launches).where(is_waiting).values(state=LaunchState.STARTED)
            return connection.execute(claimed).rowcount > 0

    def begin(self, launch_id: str, process: int) -> bool:
        """Record the process that executes a launch; return False if another one does, or did."""
        is_open = (launches.c.id == launch_id) & launches.c.state.in_(OPEN_STATES) & launches.c.run_id.is_(None)
        is_free = launches.c.process.is_(None) | (launches.c.process == process)
        values = {"state": LaunchState.STARTED, "process": process}
        with self._database.writing() as connection:
            return connection.execute(update(launches).where(is_open, is_free).values(values)).rowcount > 0

    def set_run(self, launch_id: str, run_id: str) -> None:
        """Record the run of a launch, and ask it to stop if somebody has asked for that already."""
        is_same = launches.c.id == launch_id
        with self._database.writing() as connection:
            connection.execute(update(launches).where(is_same).values(run_id=run_id))
            stop = select(launches.c.stop_requested_at).where(is_same).scalar_subquery()
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(stop_requested_at=stop))

    def end(self, launch_id: str, error: str | None = None) -> None:
        """Record the end of a launch, which has ended if it has a run, else not started."""
        values = {"ended_at": as_text(datetime.now(UTC)), "error": without_secrets(error) if error else None}
        is_open = (launches.c.id == launch_id) & launches.c.state.in_(OPEN_STATES)
        with self._database.writing() as connection:
            for has_run, state in (
                (launches.c.run_id.is_not(None), LaunchState.ENDED),
                (launches.c.run_id.is_(None), LaunchState.NOT_STARTED),
            ):
                connection.execute(update(launches).where(is_open, has_run).values(state=state, **values))

    def request_stop(self, launch_id: str) -> None:
        """Ask a launch to stop: one that waits does not start, and one with a run stops it as `connector stop` does."""
        now = as_text(datetime.now(UTC))
        is_open = (launches.c.id == launch_id) & launches.c.state.in_(OPEN_STATES)
        ended = {"state": LaunchState.NOT_STARTED, "ended_at": now, "error": STOPPED}
        with self._database.writing() as connection:
            connection.execute(update(launches).where(is_open).values(stop_requested_at=now))
            is_waiting = launches.c.state == LaunchState.WAITING
            connection.execute(update(launches).where(is_open, is_waiting).values(ended))
            run_id = select(launches.c.run_id).where(is_open).scalar_subquery()
            in_progress = (runs.c.run_id == run_id) & (runs.c.status == "running")
            connection.execute(update(runs).where(in_progress).values(stop_requested_at=now))


def read_launch(connection: Connection, launch_id: str) -> Launch | None:
    """Return the launch with this id, if there is one."""
    row = connection.execute(select(launches).where(launches.c.id == launch_id)).one_or_none()
    return _launch(row) if row else None


def _launch(row: Row[Any]) -> Launch:
    request = NewLaunch(**{name: getattr(row, name) for name in NewLaunch.__slots__})
    further = (row.process, row.run_id, row.stop_requested_at, row.ended_at, row.error)
    return Launch(row.id, row.at, request, LaunchState(row.state), *further)
