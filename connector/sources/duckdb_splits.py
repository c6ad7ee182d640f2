"""Division of a DuckDB file's results: ranges of row ids of one table, or of the values of a column."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connector.core.dialects import dialect_named
from connector.core.split_plan import WHOLE, SplitPlace, SplitPlan, query_digest
from connector.errors import SourceError
from connector.sources.fixed_times import DAY, MOMENT, Times
from connector.sources.source import Result
from connector.sources.split_ranges import (
    SAMPLE_ROWS,
    column_places,
    quote_name,
    range_condition,
    sorted_values,
)
from connector.sources.statement import masked

_PLAIN_OPERATORS = frozenset({"PROJECTION", "FILTER", "SEQ_SCAN"})
_FIXED_LEAVES = frozenset(
    {"SEQ_SCAN", "DUMMY_SCAN", "COLUMN_DATA_SCAN", "EMPTY_RESULT", "CTE_SCAN", "DELIM_SCAN", "RANGE", "GENERATE_SERIES"}
)
"""Operators without inputs whose rows are the same at each reading."""
_SOME_ROWS = re.compile(r"LIMIT|TOP_N|SAMPLE")
_SAMPLES = re.compile(r"\b(?:TABLE)?SAMPLE\b", re.IGNORECASE)

_VARYING = """
    SELECT DISTINCT function_name, macro_definition FROM duckdb_functions()
    WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') OR (macro_definition IS NOT NULL AND internal)
"""
_VARYING_WORDS = ("current_time", "localtime", "localtimestamp")
"""Functions that are called without brackets."""
_OWN_SQL = """
    SELECT view_name, sql FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT function_name, macro_definition FROM duckdb_functions()
    WHERE macro_definition IS NOT NULL AND NOT internal
"""
_PRESENT = "SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f+00'), current_date::VARCHAR"
_FIXED: Mapping[str, str] = {
    **dict.fromkeys(("now", "current_timestamp", "get_current_timestamp", "transaction_timestamp"), MOMENT),
    **dict.fromkeys(("current_date", "today"), DAY),
}
"""Functions of the present that `fix_times` replaces; `localtimestamp` cannot be."""
_ROW_GROUPS = """
    SELECT max(rows) FROM (
        SELECT row_group_id, sum(count) AS rows FROM pragma_storage_info(?)
        GROUP BY row_group_id, column_path, segment_type
    ) GROUP BY row_group_id ORDER BY row_group_id
"""

_ONE = "The result is read by one task:"
_ADVICE = "name a column of the result in split_by to divide it"

Execute = Callable[[str], AbstractContextManager[Result]]
Operators = list[Mapping[str, Any]]


class DuckDBDivision:
    """Divides the result of one query, which the source has checked. All places have the `shared` entries."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, sql: str, file: Path | None, shared: Mapping[str, Any]
    ) -> None:
        self._connection, self._sql, self._file, self._shared = connection, sql, file, shared

    def plan(self, wanted: int) -> SplitPlan:
        """Divide a plain selection from one table by its row ids."""
        note = self._whole_note() or self._not_plain_note()
        if note is not None:
            return _one(note)
        groups = self._row_groups()
        if len(groups) <= 1:
            return _one(f"{_ONE} the table has one row group.")
        return self._plan({"rows": ids} for ids in _row_ranges(groups, wanted))

    def plan_by(self, column: pa.Field, wanted: int, execute: Execute) -> SplitPlan:
        """Divide the result by the values of a column."""
        note = self._whole_note() or self._varying_rows_note()
        if note is not None:
            return _one(note)
        places = column_places(column, lambda: self._sample(column.name, execute), wanted)
        if len(places) <= 1:
            return _one(f'{_ONE} the column "{column.name}" of split_by has too few different values.')
        return self._plan(places)

    def _plan(self, places: Iterable[SplitPlace]) -> SplitPlan:
        return SplitPlan([{**place, **self._shared} for place in places], is_lasting=True)

    def _whole_note(self) -> str | None:
        """Return why no division of any kind is possible."""
        if self._file is None:
            return f"{_ONE} a warehouse in memory is seen by one process only."
        if call := self._varying_call():
            return f"{_ONE} it calls {call}, which differs from one reading to the next."
        return None

    def _not_plain_note(self) -> str | None:
        """Return why the row ids of one table do not divide the result."""
        node = _plain_node(self._connection, self._sql)
        if node is None:
            return f"{_ONE} it is more than a plain selection from one table; {_ADVICE}."
        tree = with_row_ids(self._connection, self._sql, {"first": None, "end": None})
        operators = _operators(self._connection, self._sql)
        is_plain = {one["name"].strip() for one in operators} <= _PLAIN_OPERATORS
        scans = [one["extra_info"] for one in operators if one["name"].strip() == "SEQ_SCAN"]
        if not is_plain or len(scans) != 1 or "Sequential" not in scans[0].get("Type", ""):
            return f"{_ONE} it is more than a plain selection from one table; {_ADVICE}."
        if operators != _operators(self._connection, tree):
            return f"{_ONE} DuckDB would read it otherwise if it were divided; {_ADVICE}."
        if not self._has_row_ids(node):
            return f"{_ONE} it selects from a view, or from a table with a column rowid; {_ADVICE}."
        return None

    def _has_row_ids(self, node: Mapping[str, Any]) -> bool:
        """Return whether the name is that of a table in the file, whose row ids no column hides."""
        schema, table = _table_path(node)[-2:] if len(_table_path(node)) > 1 else (None, _table_path(node)[-1])
        found = self._connection.execute(
            "SELECT count(*) FILTER (lower(column_name) = 'rowid') FROM duckdb_columns() JOIN duckdb_tables() "
            "USING (table_oid, schema_oid, database_oid) WHERE lower(duckdb_tables.table_name) = lower($1) "
            "AND ($2 IS NULL OR lower(duckdb_tables.schema_name) = lower($2)) AND NOT duckdb_tables.temporary "
            "GROUP BY table_oid",
            [table, schema],
        ).fetchall()
        return found == [(0,)]

    def _row_groups(self) -> list[int]:
        """Return the number of rows in each row group of the table, deleted ones included."""
        node = _plain_node(self._connection, self._sql)
        if node is None:
            raise AssertionError("a plain selection was found before")
        name = ".".join(map(quote_name, _table_path(node)))
        return [int(rows) for (rows,) in self._connection.execute(_ROW_GROUPS, [name]).fetchall()]

    def _varying_rows_note(self) -> str | None:
        """Return why two readings of the result may have different rows."""
        operators = _operators(self._connection, self._sql)
        names = {one["name"].strip() for one in operators}
        if any(_SOME_ROWS.search(name) for name in names) or any(map(_SAMPLES.search, self._texts())):
            return f"{_ONE} it takes some of the rows (LIMIT, SAMPLE), perhaps others at each reading."
        leaves = {one["name"].strip() for one in operators if not one["children"]}
        if not leaves <= _FIXED_LEAVES:
            return f"{_ONE} it reads more than tables of the warehouse file."
        return None

    def _varying_call(self) -> str | None:
        functions = self._connection.execute(_VARYING).fetchall()
        names = {name for name, definition in functions if definition is None}
        names -= set(_FIXED) if self._shared["times"] else set()
        bodies = {name: definition for name, definition in functions if definition is not None}
        for _ in range(2):
            names |= {name for name, body in bodies.items() if _calls(names, body)}
        return next(filter(None, (_calls(names, text) for text in self._texts())), None)

    def _texts(self) -> Iterator[str]:
        """Yield the query without comments and texts, and the views and macros that it may use."""
        pending = [masked(self._sql, dialect_named("duckdb"))]
        own = dict(self._connection.execute(_OWN_SQL).fetchall())
        while pending:
            text = pending.pop()
            yield text
            pending += [own.pop(name) for name in list(own) if name.lower() in text.lower()]

    def _sample(self, name: str, execute: Execute) -> pa.Array:
        """Return the values of some rows, sorted."""
        column = quote_name(name)
        sql = (
            f"SELECT {column} FROM (\n{self._sql}\n) AS result WHERE {column} IS NOT NULL "
            f"USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE (1)"
        )
        with execute(sql) as result:
            return sorted_values(result.batches(), result.schema)


def split_condition(place: SplitPlace) -> str:
    """Return the condition on the result for a place of `plan_by`."""
    if "remainder" in place:
        return f"hash({quote_name(place['column'])}) % {int(place['of'])} = {int(place['remainder'])}"
    return range_condition(place)


def with_row_ids(connection: duckdb.DuckDBPyConnection, sql: str, rows: Mapping[str, int | None]) -> str:
    """Return a plain selection restricted to row ids, from `first` and up to the one before `end`."""
    node = _plain_node(connection, sql)
    if node is None:
        raise SourceError("The query changed since its result was divided: run it again.")
    tree = deepcopy(_tree(connection, sql))
    name = quote_name(node["from_table"]["alias"] or _table_path(node)[-1])
    bounds = [f"{name}.rowid >= {int(rows['first'])}"] if rows["first"] is not None else []
    bounds += [f"{name}.rowid < {int(rows['end'])}"] if rows["end"] is not None else []
    if bounds:
        range_tree = _tree(connection, f"SELECT 1 FROM t WHERE TRUE AND {' AND '.join(bounds)}")
        condition = range_tree["statements"][0]["node"]["where_clause"]
        if node["where_clause"]:
            condition["children"][0] = node["where_clause"]
        tree["statements"][0]["node"]["where_clause"] = condition
    ((restricted,),) = connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return str(restricted)


def file_version(file: Path | None) -> str:
    """Return a text that differs once the warehouse file, or its log of recent changes, is written."""
    if file is None:
        return ""
    return "/".join(map(_version_of, (file, file.with_name(f"{file.name}.wal"))))


def shared_entries(connection: duckdb.DuckDBPyConnection, sql: str, file: Path | None) -> dict[str, Any]:
    """Return the entries of all places: of which file and which query they are, and the present for all of them.

    Without a present if the warehouse has a macro of such a name.
    """
    ((moment, day),) = connection.execute(_PRESENT).fetchall()
    is_own = any(name.lower() in _FIXED for name, _ in connection.execute(_OWN_SQL).fetchall())
    times = None if is_own else {MOMENT: moment, DAY: day}
    return {"file": file_version(file), "query": query_digest(sql), "times": times}


def fix_times(connection: duckdb.DuckDBPyConnection, times: Times) -> None:
    """Have the functions of the present return a fixed one, also in views, for this connection only."""
    for name, kind in _FIXED.items():
        value = f"{'DATE' if kind == DAY else 'TIMESTAMPTZ'} '{times[kind]}'"
        connection.execute(f'CREATE OR REPLACE TEMP MACRO "{name}"() AS {value}')


def can_read(sql: str, places: Iterable[SplitPlace], file: Path | None) -> bool:
    """Test whether neither the query nor the file changed since places were planned."""
    return all((place["file"], place["query"]) == (file_version(file), query_digest(sql)) for place in places)


def refuse_changed_file(place: SplitPlace, file: Path | None) -> None:
    """Raise SourceError if the warehouse file was written since the result was divided."""
    if place["file"] != file_version(file):
        raise SourceError(
            "The warehouse file changed since the result was divided among tasks: run the orchestration again, which "
            "reads the result again."
        )


def _version_of(file: Path) -> str:
    try:
        status = file.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _one(note: str) -> SplitPlan:
    return SplitPlan(WHOLE, is_lasting=True, note=note)


def _row_ranges(groups: list[int], wanted: int) -> Iterator[Mapping[str, int | None]]:
    """Yield ranges of row ids that end with row groups. The outer ones are open."""
    count = min(wanted, len(groups))
    ends = [sum(groups[: len(groups) * number // count]) for number in range(1, count)]
    edges = [None, *ends, None]
    for first, end in pairwise(edges):
        yield {"first": first, "end": end}


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    return json.loads(text)


def _plain_node(connection: duckdb.DuckDBPyConnection, sql: str) -> Mapping[str, Any] | None:
    """Return the one SELECT of a query that reads one table row by row; None for any other query."""
    statements = _tree(connection, sql).get("statements", [])
    node = statements[0]["node"] if len(statements) == 1 else {}
    excluding = ("modifiers", "group_expressions", "group_sets", "having", "sample", "qualify")
    is_plain = (
        node.get("type") == "SELECT_NODE"
        and not any(node[name] for name in excluding)
        and not node["cte_map"]["map"]
        and node["aggregate_handling"] == "STANDARD_HANDLING"
        and node["from_table"]["type"] == "BASE_TABLE"
        and not any(node["from_table"].get(name) for name in ("sample", "at_clause", "column_name_alias"))
        and '"class": "WINDOW"' not in json.dumps(node)
    )
    return node if is_plain else None


def _table_path(node: Mapping[str, Any]) -> list[str]:
    table = node["from_table"]
    names = (table["catalog_name"], table["schema_name"], table["table_name"])
    return list(table.get("qualified_name", {}).get("path") or filter(None, names))


def _operators(connection: duckdb.DuckDBPyConnection, sql: str) -> Operators:
    """Return the operators of a query's plan."""
    rows = connection.execute(f"EXPLAIN (FORMAT JSON)\n{sql}").fetchall()
    pending, operators = list(json.loads(rows[-1][-1])), []
    while pending:
        operator = pending.pop()
        operators.append(operator)
        pending += operator["children"]
    return operators


def _calls(names: Iterable[str], text: str) -> str | None:
    """Return the call of one of these functions in SQL, if there is one."""
    pattern = rf"\b(?:(?:{'|'.join(map(re.escape, sorted(names)))})\"?\s*\(|(?:{'|'.join(_VARYING_WORDS)})\b)"
    match = re.search(pattern, text, re.IGNORECASE)
    return None if match is None else match[0].strip().rstrip('( "\n') + "()" * match[0].endswith("(")
