"""Two runs of one orchestration never overlap.

Whoever works on an orchestration holds a file lock in the state folder, which the system lets go of when the
process dies, and an entry in the ledger, which other machines see. An entry from the same state folder whose file
is free is that of a dead process; one from another place is, once it has shown no sign of life for a while. A
process that was thought dead and goes on finds out before its next request: the run it works on has another holder.
"""

import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Self
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Row, delete, insert, select, text, update

from connector.core.disk import PRIVATE_FILE, make_private_file, make_private_folder, sync
from connector.errors import ConnectorError, LockedError, ResumableError
from connector.ledger.database import Database
from connector.ledger.runs import as_text
from connector.ledger.tables import locks, runs

SECONDS_BETWEEN_SIGNS = 15.0
SECONDS_UNTIL_DEAD = 90.0
"""Long enough that a ledger that cannot be reached for a minute costs no run its lock."""

FOLDER = "locks"

START = "/start"
"""The lock of the process that starts what is due; no orchestration can have this name."""

_LONGEST_NAME = 200
"""File systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an orchestration under a target."""

    orchestration: str
    target: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        what = "`connector start`" if self.orchestration == START else self.orchestration
        return (
            f"{what} (target {self.target}) is being run by process {self.process} on {self.host} "
            f"since {self.since}: wait until it has ended, or stop it."
        )


class RunLock:
    """Holds an orchestration under a target from entry to exit; `holder` is what nobody else has.

    Raises LockedError on entry where another process holds it, which it names.
    """

    def __init__(
        self,
        database: Database,
        state_directory: Path,
        orchestration: str,
        target: str,
        *,
        seconds_between_signs: float = SECONDS_BETWEEN_SIGNS,
    ) -> None:
        self._database, self._state = database, state_directory
        self._orchestration, self._target = orchestration, target
        self._seconds_between_signs = seconds_between_signs
        self.holder = token_hex(16)
        self.host = socket.gethostname()
        self._gone = threading.Event()
        self._signs = threading.Thread(target=self._give_signs, name="lock", daemon=True)

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
        self._signs.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._signs.join()
        try:
            with self._database.writing() as connection:
                connection.execute(delete(locks).where(self._mine, locks.c.holder == self.holder))
        except ResumableError:
            # The entry of a lock whose file is free holds nobody back for long.
            pass
        finally:
            self._file.release()

    def is_kept(self) -> bool:
        """Whether no other process has taken it since, this one being thought dead."""
        held = self._read()
        return held is not None and held.holder == self.holder

    @property
    def _mine(self) -> Any:
        return (locks.c.orchestration == self._orchestration) & (locks.c.target == self._target)

    def _read(self) -> Row[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(select(locks).where(self._mine)).one_or_none()

    def _take(self) -> None:
        place = _identity(self._state)
        with self._database.writing() as connection:
            if self._database.is_shared:
                # An entry that is not there yet cannot be locked: whoever comes at the same moment waits here.
                connection.execute(text("LOCK TABLE locks IN EXCLUSIVE MODE"))
            now = self._database.now(connection)
            held = connection.execute(select(locks).where(self._mine)).one_or_none()
            if held and held.place != place and now - held.alive_at < SECONDS_UNTIL_DEAD:
                raise self._locked(held)
            if held:
                # Its runs change hands too, also those that stay as they are: whoever held them sends nothing more.
                connection.execute(update(runs).where(runs.c.holder == held.holder).values(holder=self.holder))
            connection.execute(delete(locks).where(self._mine))
            entry = {"place": place, "host": self.host, "process": os.getpid(), "since": as_text(datetime.now(UTC))}
            names = {"orchestration": self._orchestration, "target": self._target, "holder": self.holder}
            connection.execute(insert(locks).values(**names, **entry, alive_at=now))

    def _locked(self, held: Row[Any] | None) -> LockedError:
        if held is None:
            return LockedError(f"{self._orchestration} (target {self._target}) is being run by another process.")
        return LockedError(str(Lease(self._orchestration, self._target, held.host, held.process, held.since)))

    def _give_signs(self) -> None:
        while not self._gone.wait(self._seconds_between_signs):
            try:
                with self._database.writing() as connection:
                    sign = {"alive_at": self._database.now(connection)}
                    connection.execute(update(locks).where(self._mine, locks.c.holder == self.holder).values(sign))
            except ConnectorError:
                # The next sign may get through; without any, whoever takes over stops this process at its next request.
                continue


def holder_of(database: Database, state_directory: Path, orchestration: str, target: str) -> Lease | None:
    """Who works on an orchestration under a target; None where nobody does, or who did is dead."""
    query = select(locks).where(locks.c.orchestration == orchestration, locks.c.target == target)
    with database.reading() as connection:
        held, now = connection.execute(query).one_or_none(), database.now(connection)
    if held is None:
        return None
    if held.place != _identity(state_directory):
        is_alive = now - held.alive_at < SECONDS_UNTIL_DEAD
    else:
        is_alive = not _is_free(state_directory / FOLDER / f"{_file_name(target, orchestration)}.lock")
    return Lease(orchestration, target, held.host, held.process, held.since) if is_alive else None


def _is_free(file: Path) -> bool:
    try:
        with FileLock(file, timeout=0, mode=PRIVATE_FILE):
            return True
    except Timeout:
        return False


def _file_name(*names: str) -> str:
    """A file's name that no other names have, of letters, digits and signs that every file system takes."""
    quoted = ".".join(quote(name, safe="").replace(".", "%2E") for name in names)
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    digest = sha256(quoted.encode()).hexdigest()
    return f"{quoted[: _LONGEST_NAME - len(digest)]}{digest}"


def _identity(state_directory: Path) -> str:
    """What tells this state folder from all others, made once; the same for every process that uses it."""
    file = state_directory / FOLDER / "place"
    with FileLock(file.with_suffix(".lock"), mode=PRIVATE_FILE):
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            make_private_file(unfinished)
            unfinished.write_text(token_hex(16))
            sync(unfinished)
            unfinished.replace(file)
            # Else the entry of a process that went with the power would be taken for one of another machine's.
            for folder in (file.parent, state_directory):
                sync(folder)
        return file.read_text()
