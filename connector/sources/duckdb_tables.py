"""Tables in memory for tests of queries: their rows, the clock that a query sees, and the tables that it reads."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import duckdb

from connector.core.duckdb_connection import connect_isolated
from connector.errors import ConnectorError
from connector.sources.duckdb import IN_MEMORY, open_in_memory
from connector.sources.duckdb_errors import translate_errors

TableName = tuple[str, ...]
"""The parts of a table's name: catalog, schema and table, or fewer."""

_CLOCK = {
    "TIMESTAMPTZ": ("now", "current_timestamp", "get_current_timestamp", "transaction_timestamp"),
    "TIMESTAMP": ("localtimestamp", "current_localtimestamp"),
    "DATE": ("current_date", "today"),
    "TIME": ("current_time", "get_current_time", "localtime", "current_localtime"),
}
"""DuckDB's functions that tell the time, by their type."""
_FILE_NAME = re.compile(r"[*/\\]|\.(?:csv|tsv|json|ndjson|jsonl|parquet)(?:\.gz|\.zst)?\Z", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(
    rf"{_DATE.pattern}[ T]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,6}})?)?(?P<zone>Z|[+-]\d{{2}}(?::?\d{{2}})?)?"
)
_MOST_DIGITS = 38


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """A table to create: its columns with their types, and its rows."""

    name: TableName
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]


class InvalidValue(ConnectorError):
    """A value that does not fit its column: table, row (from 0) and column. Without a row, the type is unknown."""

    def __init__(self, table: TableName, row: int | None, column: str, words: str) -> None:
        self.table, self.row, self.column, self.words = table, row, column, words
        super().__init__(words)


@contextmanager
def memory_database(tables: Sequence[MemoryTable], now: datetime) -> Iterator[str]:
    """Create tables in a database in memory whose clock stands still, and yield its URL.

    Raises InvalidValue, SourceError.
    """
    path = f"{IN_MEMORY}{token_hex(8)}"
    connection = open_in_memory(path)
    try:
        _stop_clock(connection, now)
        for table in tables:
            with translate_errors(f'The table "{".".join(table.name)}" cannot be created'):
                _create(connection, table)
        yield f"duckdb:///{path}"
    finally:
        connection.close()


def _stop_clock(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    time = now.astimezone(UTC)
    texts = {
        "TIMESTAMPTZ": f"{time:%Y-%m-%d %H:%M:%S.%f}+00",
        "TIMESTAMP": f"{time:%Y-%m-%d %H:%M:%S.%f}",
        "DATE": f"{time:%Y-%m-%d}",
        "TIME": f"{time:%H:%M:%S.%f}",
    }
    for kind, functions in _CLOCK.items():
        for name in functions:
            connection.execute(f"CREATE MACRO \"{name}\"() AS {kind} '{texts[kind]}'")


def _create(connection: duckdb.DuckDBPyConnection, table: MemoryTable) -> None:
    name = _create_schema(connection, table.name)
    for column, kind in table.columns.items():
        try:
            connection.execute(f"SELECT CAST(NULL AS {kind})")
        except duckdb.Error:
            raise InvalidValue(table.name, None, column, f'has the unknown type "{kind}"') from None
    columns = ", ".join(f"{_quoted(column)} {kind}" for column, kind in table.columns.items())
    connection.execute(f"CREATE TABLE {name} ({columns})")
    nested = {column for column in table.columns for row in table.rows if isinstance(row.get(column), list | dict)}
    slots = ", ".join(_slot(kind, is_json=column in nested) for column, kind in table.columns.items())
    insert = f"INSERT INTO {name} VALUES ({slots})"
    for number, row in enumerate(table.rows):
        values = [_text(row.get(column), is_json=column in nested) for column in table.columns]
        try:
            connection.execute(insert, values)
        except duckdb.Error:
            raise _invalid_value(connection, table, number, values, nested) from None


def _invalid_value(
    connection: duckdb.DuckDBPyConnection, table: MemoryTable, row: int, values: Sequence[str | None], nested: set[str]
) -> InvalidValue:
    for (column, kind), value in zip(table.columns.items(), values, strict=True):
        try:
            connection.execute(f"SELECT {_slot(kind, is_json=column in nested)}", [value])
        except duckdb.Error:
            return InvalidValue(table.name, row, column, f"is not a value of the type {kind}")
    return InvalidValue(table.name, row, next(iter(table.columns)), "cannot be stored in its row")


def _slot(kind: str, *, is_json: bool) -> str:
    return f"CAST(CAST(? AS JSON) AS {kind})" if is_json else f"CAST(? AS {kind})"


def _text(value: object, *, is_json: bool) -> str | None:
    if value is None:
        return None
    if is_json:
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_schema(connection: duckdb.DuckDBPyConnection, name: TableName) -> str:
    """Create what a table stands in, and return its quoted name."""
    *parents, _ = name
    if len(parents) == 2:
        with suppress(duckdb.BinderException, duckdb.CatalogException):
            connection.execute(f"ATTACH ':memory:' AS {_quoted(parents[0])}")
    if parents:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(map(_quoted, parents))}")
    return ".".join(map(_quoted, name))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def tables_read(sql: str) -> list[TableName]:
    """Return the tables that a query in DuckDB's SQL reads, each once; none if it cannot be parsed.

    Files that it names as tables are not among them.
    """
    with connect_isolated() as connection:
        ((tree,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    names = {tuple(map(str.lower, name)): name for name in _tables(json.loads(tree), frozenset())}
    return [name for name in names.values() if not _FILE_NAME.search(name[-1]) or len(name) > 1]


def _tables(node: Any, ctes: frozenset[str]) -> Iterator[TableName]:
    """Yield the tables below a node of the parse tree; `ctes` are the names that stand for subqueries there."""
    if isinstance(node, list):
        for child in node:
            yield from _tables(child, ctes)
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        name = tuple(part for key in ("catalog_name", "schema_name", "table_name") if (part := node.get(key)))
        if len(name) > 1 or name[0].lower() not in ctes:
            yield name
    if node.get("type") == "RECURSIVE_CTE_NODE":
        ctes |= {str(node.get("cte_name")).lower()}
    for entry in (node.get("cte_map") or {}).get("map", ()):
        # A subquery sees those before it; its own name is that of a table there.
        yield from _tables(entry["value"], ctes)
        ctes |= {entry["key"].lower()}
    for key, child in node.items():
        if key != "cte_map":
            yield from _tables(child, ctes)


def infer_type(values: Sequence[Any]) -> str:
    """Return the type of a column with these values, as YAML has them."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT" if all(-(2**63) <= value < 2**63 for value in present) else "HUGEINT"
    if kinds and kinds <= {int, float}:
        return _decimal_type([str(value) for value in present])
    if kinds == {list}:
        items = [item for value in present for item in value]
        return "JSON" if any(isinstance(item, dict | list) for item in items) else f"{infer_type(items)}[]"
    if kinds & {dict, list}:
        return "JSON"
    return _text_type(present) if kinds == {str} else "VARCHAR"


def _decimal_type(texts: Sequence[str]) -> str:
    if any("e" in text for text in texts):
        return "DOUBLE"
    places = max(len(text.partition(".")[2]) for text in texts)
    digits = max(len(text.partition(".")[0].lstrip("-")) for text in texts)
    return f"DECIMAL({max(18, digits + places)}, {places})" if digits + places <= _MOST_DIGITS else "DOUBLE"


def _text_type(texts: Sequence[str]) -> str:
    """Return DATE, TIMESTAMP or TIMESTAMPTZ for texts that all are times, else VARCHAR."""
    if all(map(_is_date, texts)):
        return "DATE"
    if not all(_is_date(text) or _is_time(text) for text in texts):
        return "VARCHAR"
    zoned = any((match := _TIME.fullmatch(text)) and match["zone"] for text in texts)
    return "TIMESTAMPTZ" if zoned else "TIMESTAMP"


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) and _exists(text)


def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text)) and _exists(text)


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
