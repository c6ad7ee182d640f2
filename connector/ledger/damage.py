"""Detect damage in a ledger file: values that no connector writes, for example after a disk error."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table

from connector.core.hashed_rows import ID_TYPES
from connector.core.outcomes import RunStatus
from connector.core.route import Action
from connector.ledger.tables import SCHEMA_VERSION, batches, member_changes, metadata, runs, schema_version

_TIMES = {"at", "since", "keep_until", "handled_until"}
"""Names of columns with times, besides those that end in `_at`."""

_BYTES = {"event_keys": 16, "digests": 32, "doubtful": 32, "counts": 2}
"""The size of one value, in bytes, in columns that join values of equal size."""

_WORDS: Mapping["Column[object]", Iterable[str]] = {
    runs.c.status: RunStatus,
    batches.c.action: Action,
    member_changes.c.action: Action,
}
"""The allowed words of a column."""

_KEYS = "SELECT event_keys, persons FROM batch_keys"


def has_no_ledger(path: Path) -> bool:
    """Return whether a file is a database of something else; False also for a file that SQLite cannot read."""
    try:
        with closing(_opened(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error:
        return False
    return not {schema_version.name, runs.name} <= {name for (name,) in tables}


def is_damaged(path: Path) -> bool:
    """Return whether SQLite or this connector cannot read all of a ledger file. Check every value."""
    try:
        with closing(_opened(path)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return True
            if connection.execute("SELECT version FROM schema_version").fetchone() != (SCHEMA_VERSION,):
                return False
            wrong = any(connection.execute(query).fetchone() != (0,) for query in _queries())
            return wrong or not all(_fit(*row) for row in connection.execute(_KEYS))
    except (sqlite3.Error, ValueError):
        return True


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _queries() -> Iterator[str]:
    """Yield a query for each table that counts the rows with an invalid value."""
    for table in metadata.sorted_tables:
        sound = " AND ".join(f"({_sound(table, column)})" for column in table.columns)
        yield f'SELECT count(*) FROM "{table.name}" WHERE NOT ({sound})'


def _sound(table: Table, column: "Column[object]") -> str:
    """Return the condition under which a value of the column is valid."""
    name = f'"{column.name}"'
    condition = _of_type(column, name)
    if column in _WORDS:
        condition = f"{name} IN ({_joined(_WORDS[column])})"
    if column is batches.c.id_types:
        others = f"SELECT 1 FROM json_each({name}) WHERE value NOT IN ({_joined(ID_TYPES)})"
        condition += f" AND json_type({name}) = 'array' AND NOT EXISTS ({others})"
    if table is runs and column.name in {"rejects", "skips", "warnings"}:
        condition += f" AND NOT EXISTS (SELECT 1 FROM json_each({name}) WHERE type <> 'integer')"
    return f"{name} IS NULL OR {condition}" if column.nullable else condition


def _joined(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _of_type(column: "Column[object]", name: str) -> str:
    kind = column.type
    if isinstance(kind, JSON):
        return f"typeof({name}) = 'text' AND json_valid({name})"
    if isinstance(kind, LargeBinary):
        size = _BYTES.get(column.name, 1)
        return f"typeof({name}) = 'blob' AND length({name}) % {size} = 0"
    if isinstance(kind, Boolean):
        return f"typeof({name}) = 'integer' AND {name} IN (0, 1)"
    if isinstance(kind, Float):
        return f"typeof({name}) IN ('real', 'integer')"
    if isinstance(kind, Integer):
        return f"typeof({name}) = 'integer'"
    time = f" AND {name} LIKE '____-__-__T__:__:__%' AND julianday({name}) IS NOT NULL" if _is_time(column.name) else ""
    return f"typeof({name}) = 'text'{time}"


def _is_time(name: str) -> bool:
    return name in _TIMES or (name.endswith("_at") and name != "alive_at")


def _fit(event_keys: bytes, persons: bytes) -> bool:
    """Return whether the numbers of digests of a batch's events match the digests after them."""
    events = len(event_keys) // _BYTES["event_keys"]
    digests = sum(int.from_bytes(persons[start : start + 2], "little") for start in range(0, 2 * events, 2))
    return len(persons) == 2 * events + 8 * digests
