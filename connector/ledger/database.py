"""The database of the ledger: SQLite in a file, or PostgreSQL."""

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from connector.core.disk import make_private_file, make_private_folder, restrict, sync
from connector.core.version import install_hint
from connector.errors import ConfigurationError, ConnectorError, LedgerUnavailable, ResumableError
from connector.ledger.damage import has_no_ledger
from connector.ledger.group_commit import GroupCommit, Work
from connector.ledger.upgrades import bring_up_to_date


class Database:
    """Transactions on the ledger's database; safe to use from several threads and processes."""

    def __init__(self, url: str, *, may_be_new: bool = True, worker: bool = False) -> None:
        if not may_be_new:
            _refuse_without_ledger(url)
        self._engine, self._file = _engine(url, worker=worker), file_of(url)
        self._lock = RLock()
        self._group_commit = GroupCommit(self.writing)
        try:
            bring_up_to_date(self.reading, self.writing)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads. Raises LedgerUnavailable if the database fails."""
        with _failures("read", self._file), self._engine.connect() as connection:
            self._begin(connection, "BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that is the only one to write; what it reads does not change until its end.

        Raises LedgerUnavailable if the database fails.
        """
        with _failures("written", self._file), self._lock, self._engine.begin() as connection:
            # IMMEDIATE: a writer that reads first would fail if another one wrote in between.
            self._begin(connection, "BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def writing_one_row(self) -> Iterator[Connection]:
        """Open a transaction that writes one row and waits for no other thread, if the database allows that.

        Raises LedgerUnavailable if the database fails.
        """
        if not self.is_shared:
            with self.writing() as connection:
                yield connection
            return
        with _failures("written", self._file), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def single_statements(self) -> Iterator[Connection]:
        """Open a connection to a server on which each statement is a transaction, in one round trip.

        Raises LedgerUnavailable if the database fails.
        """
        with _failures("written", self._file), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def _begin(self, connection: Connection, statement: str) -> None:
        """Begin a transaction without an event listener, which would slow down every statement."""
        if not self.is_shared:
            connection.exec_driver_sql(statement)

    def group_commit(self, work: Work) -> None:
        """Do `work` in a writing transaction that concurrent threads share; see `GroupCommit`.

        Raises LedgerUnavailable if the database fails.
        """
        self._group_commit.do(work)

    @property
    def is_shared(self) -> bool:
        """True if other machines may use it at the same time."""
        return self._engine.dialect.name != "sqlite"

    def now(self, connection: Connection) -> float:
        """Return Unix seconds by the clock that all users of the database share."""
        if not self.is_shared:
            return time.time()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def now_expression(connection: Connection) -> ColumnElement[Any]:
    """Return `Database.now` as an expression, for a statement that reads other values too."""
    if connection.dialect.name == "sqlite":
        return literal(time.time())
    return extract("epoch", func.clock_timestamp())


def open_database(url: str, *, may_be_new: bool = True, worker: bool = False) -> Database:
    """Open the database at a SQLAlchemy URL, and create or upgrade its tables; see `open_ledger`.

    Raises ConnectorError, also for a file without tables unless it `may_be_new`.
    """
    try:
        return Database(url, may_be_new=may_be_new, worker=worker)
    except OSError as error:
        raise ConnectorError(_not_writable(Path(error.filename or ""), error.strerror or str(error))) from None
    except (SQLAlchemyError, ImportError) as error:
        raise ConnectorError(f"The ledger could not be opened: {_first_line(error)}") from None


def file_of(url: str) -> Path | None:
    """Return the file of the ledger at a SQLAlchemy URL; None if it is not in a file."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    is_file = parsed.drivername.partition("+")[0] == "sqlite" and not _is_in_memory(parsed)
    return Path(parsed.database or "") if is_file else None


def as_text(moment: datetime) -> str:
    """Format a time for the ledger: UTC in ISO 8601, to the millisecond, so that texts sort in order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _failures(verb: str, file: Path | None) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        if file and "readonly database" in str(error):
            raise ResumableError(_not_writable(file, "Permission denied")) from None
        raise LedgerUnavailable(f"The ledger could not be {verb}: {_first_line(error)}") from None


def _not_writable(path: Path, why: str) -> str:
    return (
        f"The ledger could not be opened: '{path}' cannot be written ({why}). Let this user write there, or set "
        "`ledger` to a database elsewhere."
    )


def _refuse_without_ledger(url: str) -> None:
    """Raise ConnectorError if runs exist but their ledger does not, because everything would be sent again.

    An empty file is not opened with SQLite, which would delete the files beside it.
    """
    path = file_of(url)
    if path is None:
        return
    fault = "is missing" if not path.exists() else "is empty" if path.is_file() and not path.stat().st_size else None
    if fault is None and has_no_ledger(path):
        fault = "holds something else"
    if fault:
        raise ConnectorError(
            f"The ledger {path} {fault}, although there were runs: restore it from a backup. To send again what was "
            "delivered before, delete the folders of the runs instead."
        )


def _first_line(error: Exception) -> str:
    """Return the message of the database, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _engine(url: str, *, worker: bool) -> Engine:
    full = _with_driver(url)
    if file := file_of(full):
        _restrict_ledger(file)
    engine = create_engine(full, pool_pre_ping=file is None and not worker)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    elif worker:
        event.listen(engine, "connect", _set_up_worker)
        _ping_after_idling(engine)
    return engine


def _restrict_ledger(file: Path) -> None:
    """Create the file with its mode before SQLite does, which copies the mode to the files beside it."""
    make_private_folder(file.parent)
    if not file.exists():
        make_private_file(file)
        # The ledger survives a power failure only if its name and that of its folder are on disk.
        for folder in (file.parent, file.parent.parent):
            sync(folder)
    for ending in ("", "-wal", "-shm", "-journal"):
        restrict(file.with_name(file.name + ending))


def _with_driver(url: str) -> str:
    """Return the URL with psycopg, which the extra `postgres` installs, if it is PostgreSQL without a driver."""
    try:
        parsed = make_url(url)
        name = parsed.set(drivername="postgresql+psycopg") if parsed.drivername in _POSTGRESQL else parsed
        _check_kind(name)
        name.get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        raise ConnectorError(f"The ledger needs {error.name}: {install_hint('postgres')}.") from None
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError("Invalid URL in `ledger`: use sqlite:///PATH or postgresql://…") from None
    return name.render_as_string(hide_password=False)


def _check_kind(url: URL) -> None:
    kind = url.get_backend_name()
    if kind not in {"sqlite", "postgresql"} or (kind == "sqlite" and _is_in_memory(url)):
        raise ConfigurationError("Invalid URL in `ledger`: use a file (sqlite:///PATH) or PostgreSQL (postgresql://…).")


def _is_in_memory(url: URL) -> bool:
    """Return whether a URL of SQLite has no file, or a URI, which may select a database in memory."""
    return not url.database or url.database == ":memory:" or url.database.startswith("file:")


_POSTGRESQL = frozenset({"postgres", "postgresql"})
_SQLITE_WAITS = 30
"""Seconds to wait for a lock."""
_RETURNED, _IDLE_SECONDS = "returned", 1.0
"""After so many seconds, a connection is checked before it is used again."""
_WORKER_TIMEOUTS = {"idle_in_transaction_session_timeout": 3, "lock_timeout": 10}
"""Seconds, by the setting of PostgreSQL. A lock is waited for longer than its holder can stand still."""


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    for setting in (f"busy_timeout = {_SQLITE_WAITS * 1000}", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")
    _use_write_ahead_log(connection)


def _set_up_worker(connection: Any, _: Any) -> None:
    """Bound how long a process that is frozen in a transaction keeps its locks, and how long others wait for them."""
    with connection.cursor() as cursor:
        for name, seconds in _WORKER_TIMEOUTS.items():
            cursor.execute(f"SET {name} = '{seconds}s'")
    connection.commit()


def _ping_after_idling(engine: Engine) -> None:
    """Check that a connection still works before it is used, unless it was in use a moment ago.

    A worker uses its connections many times a second: to check each time would be a third of its round trips.
    """

    def returned(_: Any, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED] = time.monotonic()

    def taken(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        if time.monotonic() - record.info.get(_RETURNED, math.inf) < _IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", returned)
    event.listen(engine, "checkout", taken)


def _use_write_ahead_log(connection: Any) -> None:
    """Switch to WAL. SQLite does not wait for other processes that open a new ledger at the same time, so retry."""
    until = time.monotonic() + _SQLITE_WAITS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
