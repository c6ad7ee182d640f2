"""DuckDB files, opened read-only, streamed as Arrow."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from connector.config.warehouse import Warehouse
from connector.embedded import connect as open_database
from connector.errors import SourceError
from connector.sources.conversion import converted
from connector.sources.duckdb_access import is_restricted, restrict
from connector.sources.duckdb_errors import named_errors
from connector.sources.duckdb_recipe import Restrict, make
from connector.sources.duckdb_statement import check_plan, check_statement, views_of
from connector.sources.duckdb_types import conversions, exact
from connector.sources.failures import FAILED, OPENING

BATCH_ROWS = 65_536
IN_MEMORY = ":memory:"

_NUMBERED = re.compile(r"_\d+$")
_FORBIDDEN = re.compile(r'Cannot access (?:file|directory) "([^"]*)"')
_EXTENSION = re.compile(r"in the (\w+) extension|requires the extension (\w+)")

SMALL_MEMORY = "64MB"
LARGE_MEMORY = "80%"
"""A query gets little memory, of which DuckDB would otherwise keep all as a cache of the file, and much only where
it cannot do with little. It is never let write to a temporary folder: what it would write identifies people."""

KEPT_MEMORY = "64MB"
"""Blocks of the file lie in memory that is taken once. Otherwise DuckDB, which reads each and lets go of it, has all
that the process freed given back to the system every now and then, and it would be asked for again at once."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "DuckDBSource":  # noqa: ARG001
    """Opens `duckdb:///path`, relative to `directory`, or `duckdb:///:memory:`. It keeps no history for the tag.

    A file that is not there is first made from the SQL file of the same name beside it, if there is one:
    `demo/warehouse.sql` makes `demo/warehouse.duckdb`. Raises SourceError.
    """
    path = warehouse.url.get_secret_value().partition("://")[2].removeprefix("/") or IN_MEMORY
    within = partial(restrict, warehouse, directory)
    if path == IN_MEMORY:
        return DuckDBSource(partial(_open, path, read_only=False), within)
    file = directory / path
    with named_errors(OPENING):
        is_missing = not file.exists()
    if is_missing:
        make(file, path, within)
    return DuckDBSource(partial(_open, str(file), read_only=True), within)


class DuckDBSource:
    """One connection; one query at a time. The first query restricts the session before it runs."""

    def __init__(self, open_connection: Callable[[], duckdb.DuckDBPyConnection], restrict: Restrict) -> None:
        self._open, self._restrict = open_connection, restrict
        self._connection = self._running = open_connection()

    @contextmanager
    def execute(self, sql: str) -> Iterator["DuckDBResult"]:
        """See `Source.execute`."""
        with self._result(sql, "") as result:
            yield result

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`."""
        with self._result(sql, " LIMIT 0") as result:
            return result.schema

    @contextmanager
    def _result(self, sql: str, ending: str) -> Iterator["DuckDBResult"]:
        with _query_errors():
            check_statement(self._connection, sql)
            self._restrict(self._connection, [sql])
        result = None
        try:
            result = self._allowed(sql, ending)
            yield result
        finally:
            if result is not None:
                result.close()
            self._end_query()

    def _allowed(self, sql: str, ending: str) -> "DuckDBResult":
        """Start the query, and if it may not read a file, once more with the patterns of the views allowed as well.

        To read the views first would take longer than to run a small query.
        """
        with _query_errors():
            try:
                return self._started(sql, ending)
            except duckdb.PermissionException:
                # Outside of the handler: the error keeps the connection in use, which would keep its settings.
                pass
            self._end_query()
            views = views_of(self._connection)
            self._connection.close()
            self._connection = self._running = self._open()
            self._restrict(self._connection, [sql, *views.values()])
            return self._started(sql, ending)

    def _started(self, sql: str, ending: str) -> "DuckDBResult":
        """The result with its first batch made: what a query has to hold in memory, it holds by then."""
        cursor = self._running = self._connection.cursor()
        for limit in (SMALL_MEMORY, LARGE_MEMORY):
            cursor.execute(f"SET memory_limit = '{limit}'")
            try:
                relation = _bound(cursor, f"SELECT * FROM (\n{sql}\n) AS result{ending}")
                return DuckDBResult(relation, relation.to_arrow_reader(BATCH_ROWS), _names(cursor, relation, sql))
            except duckdb.OutOfMemoryException:
                if limit == LARGE_MEMORY:
                    raise
        raise AssertionError("a limit was tried last")

    def _end_query(self) -> None:
        cursor, self._running = self._running, self._connection
        if cursor is not self._connection:
            cursor.close()

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._running.interrupt()

    def close(self) -> None:
        """See `Source.close`."""
        self._connection.close()


class DuckDBResult:
    """A result that is read as it is made."""

    query_id = None

    def __init__(self, relation: duckdb.DuckDBPyRelation, reader: pa.RecordBatchReader, names: list[str]) -> None:
        self._reader = reader
        self._conversions = conversions(relation, reader.schema)
        self._schema = pa.schema(
            [
                field.with_name(name).with_type(one.kind).with_metadata({"type": str(kind)})
                for name, field, one, kind in zip(names, reader.schema, self._conversions, relation.types, strict=True)
            ]
        )
        self._first = next(reader, None)

    @property
    def schema(self) -> pa.Schema:
        """See `Result.schema`."""
        return self._schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        batch = self._first
        while batch is not None:
            yield converted(batch, self._conversions, self._schema)
            with _query_errors():
                batch = next(self._reader, None)

    def close(self) -> None:
        """Lets go of the rest, which would keep the file open."""
        self._first = None
        self._reader.close()


def _bound(cursor: duckdb.DuckDBPyConnection, subquery: str) -> duckdb.DuckDBPyRelation:
    """Bind the query and run nothing of it yet. Only at its top level would DuckDB take a statement that writes."""
    # Through `sql` and not `execute`, which would keep the whole result.
    relation = exact(cursor.sql(subquery))
    check_plan(cursor, subquery)
    return relation


def _names(cursor: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, sql: str) -> list[str]:
    """The names of the columns as the query has them: of a subquery's, equal ones get numbers."""
    names = relation.columns
    return cursor.sql(sql).columns if any(map(_NUMBERED.search, names)) else names


def _open(path: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    with named_errors(OPENING):
        connection = open_database(path, read_only=read_only)
        if is_restricted(connection):
            return connection
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET temp_directory = ''")
        connection.execute(f"SET block_allocator_memory = '{KEPT_MEMORY}'")
        return connection


@contextmanager
def _query_errors() -> Iterator[None]:
    """Errors of a query in one sentence, with what to do about a file or an extension that is out of its reach."""
    with named_errors(FAILED):
        try:
            yield
        except duckdb.PermissionException as error:
            if path := _FORBIDDEN.search(str(error)):
                raise SourceError(
                    f'{FAILED}: it may not read "{path[1]}", only the warehouse file and files below the project '
                    "folder. Name other folders and hosts in external_access of the warehouse."
                ) from None
            raise
        except (duckdb.CatalogException, duckdb.IOException, duckdb.BinderException) as error:
            if extension := _EXTENSION.search(str(error)):
                name = extension[1] or extension[2]
                message = f'{FAILED}: it needs DuckDB\'s extension "{name}", and queries run without extensions.'
                raise SourceError(message) from None
            raise
