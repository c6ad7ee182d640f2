"""The lock of an orchestration, so that two of its runs never overlap.

The process that works on an orchestration holds a file lock in the state folder, which the system releases when the
process dies, and an entry in the ledger, which other machines see. An entry from the same state folder whose file is
free belongs to a dead process; one from another folder does after SECONDS_UNTIL_DEAD without a heartbeat. A process
that was considered dead and continues notices it before its next request: its run has another holder.
"""

import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Self
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import ColumnElement, Connection, Row, Select, String, bindparam, delete, insert, select, text, update

from connector.core.disk import PRIVATE_FILE, make_private_file, make_private_folder, sync
from connector.errors import ConnectorError, LockedError, ResumableError
from connector.ledger.database import Database, as_text
from connector.ledger.tables import leases, locks, runs

SECONDS_BETWEEN_HEARTBEATS = 15.0
SECONDS_UNTIL_DEAD = 90.0
"""Long enough that a run keeps its lock while the ledger is unreachable for a minute."""

FOLDER = "locks"

START = "/start"
"""The lock of the scheduler; no orchestration can have this name."""

_LONGEST_NAME = 200
"""File systems allow 255 bytes."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds the lock of an orchestration under a target."""

    orchestration: str
    target: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        name = "`connector start`" if self.orchestration == START else self.orchestration
        return (
            f"{name} (target {self.target}) is being run by process {self.process} on {self.host} "
            f"since {self.since}: wait until it has ended, or stop it."
        )


class RunLock:
    """Holds the lock of an orchestration under a target from entry to exit; `holder` is its unique id.

    Entering raises LockedError, which names the process, if another process holds the lock.
    """

    def __init__(
        self,
        database: Database,
        state_directory: Path,
        orchestration: str,
        target: str,
        *,
        seconds_between_heartbeats: float = SECONDS_BETWEEN_HEARTBEATS,
    ) -> None:
        self._database, self._state = database, state_directory
        self._orchestration, self._target = orchestration, target
        self._seconds_between_heartbeats = seconds_between_heartbeats
        self.holder = token_hex(16)
        self.host = socket.gethostname()
        self._released = threading.Event()
        self._heartbeats = threading.Thread(target=self._send_heartbeats, name="lock", daemon=True)

    def __enter__(self) -> Self:
        folder = self._state / FOLDER
        make_private_folder(folder)
        file = folder / f"{_file_name(self._target, self._orchestration)}.lock"
        self._file = FileLock(file, timeout=0, mode=PRIVATE_FILE)
        try:
            self._file.acquire()
        except Timeout:
            raise self._locked(self._read()) from None
        try:
            self._take()
        except BaseException:
            self._file.release()
            raise
        self._heartbeats.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._heartbeats.join()
        try:
            with self._database.writing() as connection:
                connection.execute(delete(locks).where(self._is_same, locks.c.holder == self.holder))
        except ResumableError:
            # The entry of a lock whose file is free blocks no other process for long.
            pass
        finally:
            self._file.release()

    def is_current(self) -> bool:
        """Return whether no other process has taken the lock over because it considered this one dead."""
        entry = self._read()
        return entry is not None and entry.holder == self.holder

    @property
    def _is_same(self) -> Any:
        return (locks.c.orchestration == self._orchestration) & (locks.c.target == self._target)

    def _read(self) -> Row[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(select(locks).where(self._is_same)).one_or_none()

    def _take(self) -> None:
        place = state_id(self._state)
        with self._database.writing() as connection:
            if self._database.is_shared:
                # A row that does not exist yet cannot be locked, so concurrent processes wait for the table.
                connection.execute(text("LOCK TABLE locks IN EXCLUSIVE MODE"))
            now = self._database.now(connection)
            previous = connection.execute(select(locks).where(self._is_same)).one_or_none()
            if previous and previous.place != place and now - previous.alive_at < SECONDS_UNTIL_DEAD:
                raise self._locked(previous)
            if previous:
                # Take over all of its runs, also those that are not resumed, so that it can send nothing more.
                connection.execute(update(runs).where(runs.c.holder == previous.holder).values(holder=self.holder))
                revoke_leases(connection, runs.c.holder == self.holder)
            connection.execute(delete(locks).where(self._is_same))
            entry = {"place": place, "host": self.host, "process": os.getpid(), "since": as_text(datetime.now(UTC))}
            names = {"orchestration": self._orchestration, "target": self._target, "holder": self.holder}
            connection.execute(insert(locks).values(**names, **entry, alive_at=now))

    def _locked(self, entry: Row[Any] | None) -> LockedError:
        if entry is None:
            return LockedError(f"{self._orchestration} (target {self._target}) is being run by another process.")
        return LockedError(str(LockHolder(self._orchestration, self._target, entry.host, entry.process, entry.since)))

    def _send_heartbeats(self) -> None:
        while not self._released.wait(self._seconds_between_heartbeats):
            try:
                with self._database.writing() as connection:
                    values = {"alive_at": self._database.now(connection)}
                    connection.execute(update(locks).where(self._is_same, locks.c.holder == self.holder).values(values))
            except ConnectorError:
                # The next heartbeat may succeed. If none does and a process takes over, this one stops at its next
                # request.
                continue


def holder_of(database: Database, state_directory: Path, orchestration: str, target: str) -> LockHolder | None:
    """Return the process that works on an orchestration under a target; None if there is none or it is dead."""
    query = select(locks).where(locks.c.orchestration == orchestration, locks.c.target == target)
    with database.reading() as connection:
        entry, now = connection.execute(query).one_or_none(), database.now(connection)
    if entry is None:
        return None
    if entry.place != state_id(state_directory):
        is_alive = now - entry.alive_at < SECONDS_UNTIL_DEAD
    else:
        is_alive = not is_file_free(state_directory, orchestration, target)
    return LockHolder(orchestration, target, entry.host, entry.process, entry.since) if is_alive else None


def is_file_free(state_directory: Path, orchestration: str, target: str) -> bool:
    """Return whether no process holds the file of a lock; takes it for a moment to find out."""
    file = state_directory / FOLDER / f"{_file_name(target, orchestration)}.lock"
    try:
        with FileLock(file, timeout=0, mode=PRIVATE_FILE):
            return True
    except Timeout:
        return False


def process_exists(process: int) -> bool:
    """Return whether a process of this machine exists, if perhaps another one that got the number since."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _file_name(*names: str) -> str:
    """Return a unique file name for these names, with characters that every file system allows."""
    quoted = ".".join(quote(name, safe="").replace(".", "%2E") for name in names)
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    digest = sha256(quoted.encode()).hexdigest()
    return f"{quoted[: _LONGEST_NAME - len(digest)]}{digest}"


def state_id(state_directory: Path) -> str:
    """Return the unique id of a state folder, which the first process to use it creates."""
    file = state_directory / FOLDER / "place"
    with FileLock(file.with_suffix(".lock"), mode=PRIVATE_FILE):
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            make_private_file(unfinished)
            unfinished.write_text(token_hex(16))
            sync(unfinished)
            unfinished.replace(file)
            # Otherwise, after a power failure, an entry of this machine would look like one of another machine.
            for folder in (file.parent, state_directory):
                sync(folder)
        return file.read_text()


def revoke_leases(connection: Connection, of_runs: ColumnElement[bool]) -> None:
    """End the terms of all senders of these runs: what they were told to send may be another's to send from now on."""
    the_runs = select(runs.c.run_id).where(of_runs)
    held = update(leases).where(leases.c.run_id.in_(the_runs), leases.c.holder.is_not(None))
    connection.execute(held.values(holder=None, until=None, epoch=leases.c.epoch + 1))


def check_holder(connection: Connection, run_id: str, holder: str, *, changing: bool = False) -> None:
    """Raise LockedError if another process has taken over the run or the lock of its orchestration.

    The lock counts too: a process that was considered dead may even have started a new run since. The run's row is
    locked until the transaction ends; with `changing`, exclusively, for a transaction that changes it.
    """
    row = connection.execute(_holders(changing), {"the_run": run_id}).one()
    if row.holder != holder or row.locked_by not in {holder, None}:
        host = row.lock_host or row.host
        raise LockedError(f"Run {run_id} was taken over by another process, on {host}; this one stops.")


@cache
def _holders(changing: bool) -> Select[Any]:
    same = (locks.c.orchestration == runs.c.orchestration) & (locks.c.target == runs.c.target)
    names = select(runs.c.holder, runs.c.host, locks.c.holder.label("locked_by"), locks.c.host.label("lock_host"))
    query = names.outerjoin(locks, same).where(runs.c.run_id == bindparam("the_run", type_=String))
    return query.with_for_update(read=not changing, key_share=changing, of=runs)
