"""Reuse databases in memory among tests, and open them before they are asked for.

To open one takes longer than most of what is done with it, and to plan a compiled query longer than a thousand rows. The
product opens one for each engine, and for each question about rows that it has read. Here each gets a database that
the same line has opened and closed before, with its functions, which are the same, and the plans of its queries.
"""

import sys
from collections import defaultdict
from collections.abc import Hashable
from contextlib import suppress
from types import FrameType
from typing import Any, cast

import duckdb
from duckdb import DuckDBPyConnection

from connector.core import duckdb_connection

PACKAGE = "connector.transform."
"""Its modules leave nothing else in a database but the limit of memory, which they set when they open one."""
WITHOUT_THREADS = {"async_threads": 0}
"""A thread is not forked; these would read files, of which a database in memory has none."""
PREPARE = "PREPARE of_"


class ReusedConnection:
    """A connection that is not closed but handed out again."""

    def __init__(self, database: DuckDBPyConnection) -> None:
        self.database = database
        self.slices: dict[str, Slices] = {}
        self.plans: dict[str, str] = {}
        self.functions: set[str] = set()
        self.tables: set[str] = set()


class Slices:
    """What an engine registers: whatever slice it holds at the time; of the next engine, its slices."""

    def __init__(self, held: Any) -> None:
        self.held, self.schema = held, held.table.schema

    def __arrow_c_schema__(self) -> object:
        return self.held.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.held.__arrow_c_stream__(requested_schema)


class Connection:
    """A connection as the product has it, until the product closes it."""

    def __init__(self, reused: ReusedConnection, free: list[ReusedConnection]) -> None:
        self._reused: ReusedConnection | None = reused
        self._free = free

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open.database, name)

    @property
    def _open(self) -> ReusedConnection:
        if self._reused is None:
            raise duckdb.ConnectionException("Connection already closed!")
        return self._reused

    def create_function(self, name: str, *how: Any, **options: Any) -> None:
        """Create a function that the database does not have."""
        if name not in self._open.functions:
            self._open.database.create_function(name, *how, **options)
            self._open.functions.add(name)

    def register(self, name: str, table: Any) -> None:
        """Register a table until the connection is closed, or what has the slices of an engine for longer."""
        reused = self._open
        if not hasattr(table, "hold"):
            reused.database.register(name, table)
            reused.tables.add(name)
        elif (slices := reused.slices.get(name)) and slices.schema.equals(table.table.schema, check_metadata=True):
            slices.held = table
        else:
            reused.slices[name] = Slices(table)
            reused.database.register(name, reused.slices[name])
            reused.plans.pop(name, None)

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Execute a statement, unless it is to plan what is planned."""
        if not sql.startswith(PREPARE):
            return self._open.database.execute(sql, *parameters)
        name = sql.removeprefix(PREPARE).partition(" ")[0]
        if self._open.plans.get(name) != sql:
            self._open.database.execute(sql)
            self._open.plans[name] = sql
        return None

    def close(self) -> None:
        """Hand the connection back, unless an error has left it of no use."""
        reused, self._reused = self._reused, None
        if reused is None:
            return
        try:
            for name in reused.tables:
                reused.database.unregister(name)
            reused.tables.clear()
            reused.database.execute("SELECT 1").fetchall()
        except duckdb.Error:
            with suppress(duckdb.Error):
                reused.database.close()
            return
        for slices in reused.slices.values():
            slices.held = None
        self._free.append(reused)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reuse_databases() -> None:
    """Reuse the databases of this process."""
    free, connect = defaultdict[Hashable, list[ReusedConnection]](list), duckdb_connection.connect

    def reuse(*args: Any, **options: Any) -> DuckDBPyConnection:
        caller = sys._getframe(1)
        if caller.f_code is not duckdb_connection.connect_isolated.__code__:
            return connect(*args, **options)
        if (opener := _opener(caller.f_back)) is None:
            return connect(*args, **options)
        closed = free[opener]
        reused = closed.pop() if closed else ReusedConnection(connect(*args, **options))
        return cast(DuckDBPyConnection, Connection(reused, closed))

    duckdb_connection.connect = reuse


def _opener(frame: FrameType | None) -> Hashable:
    """Return the place in the product, with the region of its phone numbers, or None for a place that is not known."""
    if frame is None or not frame.f_globals["__name__"].startswith(PACKAGE):
        return None
    return frame.f_code, getattr(frame.f_locals.get("self"), "_region", None)


def open_databases(count: int) -> None:
    """Open databases for the processes that are forked from this one, each of which takes them one by one."""
    connect = duckdb_connection.connect
    config: dict[str, str | int] = {"threads": 1, **duckdb_connection._ISOLATED}
    opened = [connect(config=config | WITHOUT_THREADS) for _ in range(count)]

    def take(*args: Any, **options: Any) -> DuckDBPyConnection:
        if opened and not args and options == {"config": config}:
            return opened.pop()
        return connect(*args, **options)

    duckdb_connection.connect = take
