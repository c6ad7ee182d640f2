"""Division of a PostgreSQL result: ranges of a table's pages, or of a column's values, in one exported snapshot."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import pairwise
from threading import Event, Thread
from typing import Any

import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from connector.core.dialects import dialect_named
from connector.core.lexer import Kind, tokenize
from connector.core.split_plan import WHOLE, SplitPlace, SplitPlan
from connector.errors import SourceError
from connector.sources.fixed_times import DAY, LOCAL, MOMENT, Times, with_times
from connector.sources.source import Result
from connector.sources.split_ranges import (
    SAMPLE_ROWS,
    column_places,
    quote_name,
    range_condition,
    sorted_values,
)
from connector.sources.statement import masked

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_KEEP_ALIVE_SECONDS = 30
_TIMEOUTS = ("idle_in_transaction_session_timeout", "transaction_timeout")
"""Settings with which a server ends a session that only holds a snapshot."""
_READS_PAGES = 140_000
"""The first version of the server that reads a range of pages without reading the others."""
_HASHES = 1 << 31
"""Added to a hash, it makes a number from 0 on."""

_NAME = r"""(?:[^\W\d][\w$]*|"[^"]*"|'[^']*')"""
_PLAIN = re.compile(
    rf"\s*SELECT\b.*?\bFROM\s+(?P<table>{_NAME}(?:\s*\.\s*{_NAME})*)"
    rf"(?:\s+(?:AS\s+)?(?!WHERE\b)(?P<alias>{_NAME}))?(?:\s+WHERE\b(?P<condition>.*?))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
"""A selection from one table by its words, with signs for what is in brackets."""
_LAST_NAME = re.compile(rf"{_NAME}\Z")
_CLAUSE = re.compile(r"\b(?:GROUP|HAVING|ORDER|LIMIT|OFFSET|FETCH|FOR|UNION|INTERSECT|EXCEPT|WINDOW)\b", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_BRACKETED = re.compile(r"\([^()]*\)")
_CALL = re.compile(rf"(?P<name>{_NAME})\s*\(")
_SAME_IN_TRANSACTION = re.compile(
    r"\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?)\b|"
    r"\b(?:now|transaction_timestamp|statement_timestamp|age|pg_backend_pid|txid_\w+|pg_current_\w+)\s*\(",
    re.IGNORECASE,
)
"""Functions that are stable only within a transaction; the readers of a snapshot have one each."""
_TIME_WORDS = frozenset({"now", "today", "tomorrow", "yesterday"})
_UNSTABLE = """
    SELECT proname::text AS name FROM pg_catalog.pg_proc JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace
    WHERE proname::text IN ({names}) AND (provolatile = 'v' OR (provolatile = 's' AND nspname <> 'pg_catalog')) LIMIT 1
"""
_KIND = """
    SELECT relkind::text AS kind, relpersistence::text AS persistence FROM pg_catalog.pg_class
    WHERE oid = {table}::regclass
"""
_PAGES = "SELECT pg_relation_size({table}::regclass) / current_setting('block_size')::bigint AS pages"
_PRESENT = f"""
    SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS {MOMENT},
        to_char(current_date, 'YYYY-MM-DD') AS {DAY}, to_char(localtimestamp, 'YYYY-MM-DD HH24:MI:SS.US') AS {LOCAL}
"""
_SOME_ROWS = frozenset({"Limit", "Sample Scan"})
_INDEX_SCAN = re.compile(r"Index|Bitmap|^Gather")
_ELSEWHERE = frozenset({"Foreign Scan", "Custom Scan"})
_SMALLEST_PAGES = 128
"""Pages of a split, at least."""

_ONE = "The result is read by one task:"
_ADVICE = "name a column of the result in split_by to divide it"
NO_SNAPSHOT = SplitPlan(WHOLE, is_lasting=True, note=f"{_ONE} the server exports no snapshot for several to read.")

Connect = Callable[[], dbapi.Connection]
Execute = Callable[[str], AbstractContextManager[Result]]
Plan = Mapping[str, Any]


class Snapshot:
    """A transaction on a connection of its own, whose snapshot other sessions can read."""

    def __init__(self, connection: dbapi.Connection) -> None:
        self._connection = connection
        for setting in _TIMEOUTS:
            # Not every server has each of them, or lets everybody set it.
            with suppress(dbapi.Error):
                self._run(f"SET {setting} = 0")
        self._run(BEGIN)
        self.name = str(self.rows("SELECT pg_export_snapshot() AS name")[0]["name"])

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query in the snapshot."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return rows

    def plan(self, sql: str) -> Plan | None:
        """Return the server's plan of a query, whose tables it locks against being rewritten; None if it has none."""
        self._run("SAVEPOINT plan")
        try:
            with self._connection.cursor() as cursor:
                # The driver would wrap the statement in COPY (…).
                cursor.adbc_statement.set_options(**{StatementOptions.USE_COPY.value: "false"})
                cursor.execute(f"EXPLAIN (FORMAT JSON, VERBOSE)\n{sql}")
                text = cursor.fetch_arrow_table().column(0)[0].as_py()
        except dbapi.Error:
            self._run("ROLLBACK TO SAVEPOINT plan")
            return None
        plan: Plan = (json.loads(text) if isinstance(text, str) else text)[0]["Plan"]
        return plan

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def exported_snapshot(connect: Connect) -> Iterator[Snapshot | None]:
    """Export a snapshot and hold it; None if the server has none, such as a relative of PostgreSQL."""
    connection = connect()
    try:
        snapshot = None
        with suppress(dbapi.Error):
            snapshot = Snapshot(connection)
        yield snapshot
    finally:
        with suppress(dbapi.Error):
            connection.close()


@contextmanager
def kept_alive(snapshot: Snapshot) -> Iterator[None]:
    """Use the connection from time to time: proxies forget connections that nobody uses."""
    is_over = Event()

    def keep() -> None:
        while not is_over.wait(_KEEP_ALIVE_SECONDS):
            with suppress(dbapi.Error):
                snapshot.rows("SELECT 1 AS alive")

    thread = Thread(target=keep, name="snapshot", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


class PostgreSQLDivision:
    """Divides the result of one query, which the source has checked."""

    def __init__(self, snapshot: Snapshot, sql: str, describe: Callable[[str], pa.Schema]) -> None:
        self._snapshot = snapshot
        self._times = _times_in(snapshot, sql, describe)
        self._sql = with_times(sql, "postgresql", self._times)
        self._plan = snapshot.plan(self._sql)

    def by_pages(self, wanted: int) -> SplitPlan:
        """Divide a plain selection from one table by its pages."""
        if note := self._varying_note() or self._not_plain_note():
            return _one(note)
        ((pages,),) = (row.values() for row in self._snapshot.rows(_PAGES.format(table=self._table())))
        count = min(wanted, pages // _SMALLEST_PAGES)
        if count <= 1:
            return _one(f"{_ONE} the table is too small to divide.")
        edges = [None, *(pages * number // count for number in range(1, count)), None]
        return self._divided([{"first_page": first, "end_page": end} for first, end in pairwise(edges)])

    def by_column(self, column: pa.Field, wanted: int, execute: Execute) -> SplitPlan:
        """Divide the result by the values of a column."""
        if note := self._varying_rows_note() or self._varying_note():
            return _one(note)
        places = column_places(column, lambda: self._sample(column.name, execute), wanted)
        if len(places) <= 1:
            return _one(f'{_ONE} the column "{column.name}" of split_by has too few different values.')
        return self._divided(places)

    def _divided(self, places: list[SplitPlace]) -> SplitPlan:
        shared = {"snapshot": self._snapshot.name, **({"times": self._times} if self._times else {})}
        return SplitPlan([{**place, **shared} for place in places], is_lasting=False)

    def _varying_note(self) -> str | None:
        """Return the note that the query calls what differs from one transaction to the next, if it does."""
        texts = [masked(text, dialect_named("postgresql")) for text in (self._sql, *_texts(self._plan))]
        call = next(filter(None, map(_SAME_IN_TRANSACTION.search, texts)), None)
        name = call[0] if call else _time_word(self._sql) or self._unstable(texts)
        return name and f"{_ONE} it calls {name.rstrip('( ')}, which differs from one reading to the next."

    def _unstable(self, texts: list[str]) -> str | None:
        """Return a function that may return something else at each call, or in each transaction."""
        calls = {match["name"].strip('"').lower() for text in texts for match in _CALL.finditer(text)}
        names = ", ".join(map(_literal, sorted(calls)))
        found = self._snapshot.rows(_UNSTABLE.format(names=names)) if names else []
        return found[0]["name"] if found else None

    def _not_plain_note(self) -> str | None:
        """Return why the pages of one table do not divide the result."""
        is_plain = _plain(self._sql) is not None and self._plan is not None
        if is_plain and all(_INDEX_SCAN.search(node["Node Type"]) for node in _nodes(self._plan or {})):
            return f"{_ONE} the server finds its rows through an index; {_ADVICE}."
        if (
            not is_plain
            or not _scans_one_table(self._plan or {})
            or self._plan != self._snapshot.plan(with_pages(self._sql, None, None))
        ):
            return f"{_ONE} it is more than a plain selection from one table; {_ADVICE}."
        ((kind, persistence),) = (row.values() for row in self._snapshot.rows(_KIND.format(table=self._table())))
        if kind not in {"r", "m"} or persistence == "t":
            return f"{_ONE} it selects from a view or a partitioned table; {_ADVICE}."
        version = int(self._snapshot.rows("SELECT current_setting('server_version_num') AS version")[0]["version"])
        return None if version >= _READS_PAGES else f"{_ONE} ranges of pages need PostgreSQL 14; {_ADVICE}."

    def _varying_rows_note(self) -> str | None:
        """Return why two readings of the result may have different rows."""
        if self._plan is None:
            return f"{_ONE} the server does not plan it."
        kinds = {node["Node Type"] for node in _nodes(self._plan)}
        if kinds & _SOME_ROWS:
            return f"{_ONE} it takes some of the rows (LIMIT, TABLESAMPLE), perhaps others at each reading."
        return f"{_ONE} it reads tables of another server." if kinds & _ELSEWHERE else None

    def _table(self) -> str:
        match = _plain(self._sql)
        if match is None:
            raise AssertionError("a plain selection was found before")
        return _literal(self._sql[match.start("table") : match.end("table")])

    def _sample(self, name: str, execute: Execute) -> pa.Array:
        """Return the values of some rows, sorted."""
        expected = max(1, int((self._plan or {}).get("Plan Rows", 1)))
        share, column = min(1, 2 * SAMPLE_ROWS / expected), quote_name(name)
        condition = f"{column} IS NOT NULL AND random() < {share:.9f}"
        with execute(f"SELECT {column} FROM (\n{self._sql}\n) AS result WHERE {condition}") as result:
            return sorted_values(result.batches(), result.schema)


def split_query(sql: str, place: SplitPlace) -> str:
    """Return the query for the rows of one split."""
    sql = with_times(sql, "postgresql", place.get("times"))
    if "first_page" in place:
        return with_pages(sql, place["first_page"], place["end_page"])
    if "remainder" in place:
        number = f"coalesce(hashtext({quote_name(place['column'])}::text)::bigint + {_HASHES}, 0)"
        condition = f"mod({number}, {int(place['of'])}) = {int(place['remainder'])}"
    else:
        condition = range_condition(place)
    return f"SELECT * FROM (\n{sql}\n) AS result WHERE {condition}"


def with_pages(sql: str, first: int | None, end: int | None) -> str:
    """Return a plain selection restricted to pages of its table, from `first` and up to the one before `end`."""
    match = _plain(sql)
    if match is None:
        raise SourceError("The query changed since its result was divided: run it again.")
    name = _LAST_NAME.search(match["alias"] or match["table"])
    table_end = match.end("alias") if match["alias"] else match.end("table")
    row = sql[table_end - len(name[0]) : table_end] if name else ""
    bounds = [f"{row}.ctid >= '({int(first)},0)'"] if first is not None else []
    bounds += [f"{row}.ctid < '({int(end)},0)'"] if end is not None else []
    condition = " AND ".join(bounds) or "TRUE"
    if match["condition"] is None:
        return f"{sql[:table_end]} WHERE {condition}"
    start = match.start("condition")
    return f"{sql[:start]} ({sql[start : match.end('condition')]}\n) AND {condition}"


def _times_in(snapshot: Snapshot, sql: str, describe: Callable[[str], pa.Schema]) -> Times | None:
    """Return the present of the snapshot if a query has it, and has the same columns with it replaced."""
    (times,) = snapshot.rows(_PRESENT)
    fixed = with_times(sql, "postgresql", times)
    if fixed == sql:
        return None
    try:
        return times if describe(fixed).equals(describe(sql), check_metadata=True) else None
    except SourceError:
        return None


def _plain(sql: str) -> re.Match[str] | None:
    """Match a selection from one table, whose places are those of the query."""
    code, previous = masked(sql, dialect_named("postgresql")), None
    while code != previous:
        previous, code = code, _BRACKETED.sub(lambda match: "#" * len(match[0]), code)
    match = _PLAIN.match(code)
    if match is None or _CLAUSE.search(_QUOTED.sub("", match["condition"] or "")):
        return None
    return match


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _scans_one_table(plan: Plan) -> bool:
    """Test whether a plan reads the whole of one table, in one process or in several."""
    nodes = list(_nodes(plan))
    kinds = [node["Node Type"] for node in nodes]
    return kinds in (["Seq Scan"], ["Gather", "Seq Scan"])


def _texts(plan: Any) -> Iterator[str]:
    """Yield all texts in a plan."""
    if isinstance(plan, str):
        yield plan
    elif isinstance(plan, Mapping):
        for value in plan.values():
            yield from _texts(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _texts(value)


def _time_word(sql: str) -> str | None:
    """Return a text in a query that is a time, and another one at each reading."""
    texts = (token.text for token in tokenize(sql, dialect_named("postgresql")) if token.kind is Kind.QUOTED_TEXT)
    return next((text for text in texts if text.strip("' ").lower() in _TIME_WORDS), None)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one(note: str) -> SplitPlan:
    return SplitPlan(WHOLE, is_lasting=True, note=note)
