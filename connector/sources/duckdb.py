"""DuckDB files, opened read-only, streamed as Arrow."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from connector.config.warehouse import Warehouse
from connector.core.duckdb_connection import connect as open_database
from connector.errors import ConfigurationError, SourceError
from connector.sources.array_conversion import convert_batch
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED
from connector.sources.duckdb_access import is_restricted, restrict
from connector.sources.duckdb_build import Restrict, build_database
from connector.sources.duckdb_errors import translate_errors
from connector.sources.duckdb_statement import check_plan, check_statement, views_of
from connector.sources.duckdb_types import cast_lossy_columns, column_conversions
from connector.sources.error_place import Place, duckdb_place

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace, SplitPlan

BATCH_ROWS = 65_536
IN_MEMORY = ":memory:"
_MOTHERDUCK = ("md:", "motherduck:")

_NUMBERED_NAME = re.compile(r"_\d+$")
_FORBIDDEN_PATH = re.compile(r'Cannot access (?:file|directory) "([^"]*)"')
_LINE = re.compile(r" LINE \d+: .*\Z", re.DOTALL)
_EXTENSION = re.compile(r"in the (\w+) extension|requires the extension (\w+)")

SMALL_MEMORY = "64MB"
LARGE_MEMORY = "80%"
"""A query gets little memory, which DuckDB would otherwise fill with a cache of the file, and much only if little is
not enough. It must not write to a temporary folder: the rows identify people."""

BLOCK_MEMORY = "64MB"
"""Memory for blocks of the file, allocated once. Otherwise DuckDB, which frees each block after reading it, would keep
returning the process's freed memory to the system and requesting it again."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "DuckDBSource":  # noqa: ARG001
    """Open `duckdb:///path`, relative to `directory`, or `duckdb:///:memory:`. DuckDB has no history for the tag.

    A missing file is first built from the SQL file of the same name beside it, if there is one:
    `demo/warehouse.sql` builds `demo/warehouse.duckdb`. Raises SourceError.
    """
    path = warehouse.url.get_secret_value().partition("://")[2].removeprefix("/") or IN_MEMORY
    if path.startswith(_MOTHERDUCK):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" names a database of MotherDuck: write '
            f"motherduck://{path.partition(':')[2]}, and set token."
        )
    restrict_session = partial(restrict, warehouse, directory)
    if path.startswith(IN_MEMORY):
        return DuckDBSource(partial(open_in_memory, path), restrict_session)
    file = directory / path
    with translate_errors(OPEN_FAILED):
        is_missing = not file.exists()
    if is_missing:
        build_database(file, path, restrict_session, directory)
    return DuckDBSource(partial(_open, str(file), read_only=True), restrict_session, file)


class DuckDBSource:
    """One connection; one query at a time. The first query restricts the session before it runs."""

    def __init__(
        self, open_connection: Callable[[], duckdb.DuckDBPyConnection], restrict: Restrict, file: Path | None = None
    ) -> None:
        self._open, self._restrict, self._file = open_connection, restrict, file
        self._connection = self._running = open_connection()
        self._times: Mapping[str, str] | None = None

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
    def splits(self, sql: str, wanted: int, split_by: str | None) -> Iterator["SplitPlan"]:
        """See `Splittable.splits`."""
        from connector.core.split_plan import ONE_WANTED
        from connector.sources.duckdb_splits import DuckDBDivision, shared_entries
        from connector.sources.split_ranges import split_column

        if wanted == 1:
            yield ONE_WANTED
            return
        column = None if split_by is None else split_column(self.describe(sql), split_by)
        with self._query_errors(sql):
            shared = shared_entries(self._connection, sql, self._file)
        with self._fixed_times(shared["times"]):
            self.describe(sql)
            with self._query_errors(sql), self._cursor() as cursor:
                division = DuckDBDivision(cursor, sql, self._file, shared)
                plan = division.plan_by(column, wanted, self.execute) if column else division.plan(wanted)
        yield plan

    def can_read(self, sql: str, places: "Sequence[SplitPlace]") -> bool:
        """See `KeepsSplits.can_read`."""
        from connector.sources.duckdb_splits import can_read

        return can_read(sql, places, self._file)

    @contextmanager
    def execute_split(self, sql: str, place: "SplitPlace") -> Iterator["DuckDBResult"]:
        """See `Splittable.execute_split`."""
        from connector.sources.duckdb_splits import refuse_changed_file, split_condition, with_row_ids

        refuse_changed_file(place, self._file)
        self._use_one_thread()
        with self._fixed_times(place["times"]):
            if "rows" not in place:
                with self._result(sql, f" WHERE {split_condition(place)}") as result:
                    yield result
                return
            with self._query_errors(sql):
                restricted = with_row_ids(self._connection, sql, place["rows"])
            with _without_place(), self._result(restricted, "") as result:
                yield result

    def _use_one_thread(self) -> None:
        """Leave the other cores to the tasks that read other splits."""
        if not is_restricted(self._connection):
            self._connection.execute("SET threads = 1")

    @contextmanager
    def _fixed_times(self, times: Mapping[str, str] | None) -> Iterator[None]:
        """Let the present be a fixed one for all queries in the block."""
        self._times = times
        try:
            yield
        finally:
            self._times = None

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a further connection to the database."""
        cursor = self._connection.cursor()
        if self._times is not None:
            from connector.sources.duckdb_splits import fix_times

            fix_times(cursor, self._times)
        return cursor

    @contextmanager
    def _result(self, sql: str, ending: str) -> Iterator["DuckDBResult"]:
        with self._query_errors(sql):
            check_statement(self._connection, sql)
            self._restrict(self._connection, [sql])
        result = None
        try:
            result = self._start_with_views(sql, ending)
            yield result
        finally:
            if result is not None:
                result.close()
            self._end_query()

    def _start_with_views(self, sql: str, ending: str) -> "DuckDBResult":
        """Start the query; if it may not read a file, restart it with the files of the views allowed too.

        Reading the views first would take longer than running a small query.
        """
        with self._query_errors(sql):
            try:
                return self._start(sql, ending)
            except duckdb.PermissionException:
                # Retry outside of the handler: the error keeps the connection, and with it the settings, in use.
                pass
            self._end_query()
            views = views_of(self._connection)
            self._connection.close()
            self._connection = self._running = self._open()
            self._restrict(self._connection, [sql, *views.values()])
            return self._start(sql, ending)

    def _start(self, sql: str, ending: str) -> "DuckDBResult":
        """Return the result with its first batch: by then the query holds all the memory it needs."""
        cursor = self._running = self._cursor()
        for limit in (SMALL_MEMORY, LARGE_MEMORY):
            cursor.execute(f"SET memory_limit = '{limit}'")
            try:
                relation = _bind(cursor, f"SELECT * FROM (\n{sql}\n) AS result{ending}")
                return DuckDBResult(
                    relation, relation.to_arrow_reader(BATCH_ROWS), _column_names(cursor, relation, sql), sql
                )
            except duckdb.OutOfMemoryException:
                if limit == LARGE_MEMORY:
                    raise
        raise AssertionError("a limit was tried last")

    @contextmanager
    def _query_errors(self, sql: str) -> Iterator[None]:
        """Translate the errors of a query, with their place in it."""
        with translate_errors(QUERY_FAILED, lambda error: self._place(sql, error)), _advice():
            yield

    def _place(self, sql: str, error: BaseException) -> Place | None:
        """Return the place of an error; DuckDB names it only to `execute`, so names are looked up once more."""
        if not isinstance(error, duckdb.BinderException | duckdb.CatalogException):
            return _inner_place(sql, error)
        try:
            with self._running.cursor() as cursor:
                cursor.execute(f"EXPLAIN\n{sql}")
        except duckdb.Error as second:
            return _inner_place(sql, second)
        return None

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

    def __init__(
        self, relation: duckdb.DuckDBPyRelation, reader: pa.RecordBatchReader, names: list[str], sql: str
    ) -> None:
        self._reader, self._sql = reader, sql
        self._conversions = column_conversions(relation, reader.schema)
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
            yield convert_batch(batch, self._conversions, self._schema)
            with translate_errors(QUERY_FAILED, partial(_inner_place, self._sql)), _advice():
                batch = next(self._reader, None)

    def close(self) -> None:
        """Release the rest of the result, which would keep the file open."""
        self._first = None
        self._reader.close()


def _inner_place(sql: str, error: BaseException) -> Place | None:
    """Return the place of an error in a query that was executed within another one, from its second line on."""
    if isinstance(error, duckdb.ParserException):
        return duckdb_place(sql, str(error))
    place = duckdb_place(f"\n{sql}", str(error))
    return (place[0] - 1, place[1]) if place and place[0] > 1 else None


@contextmanager
def _without_place() -> Iterator[None]:
    """Remove the place of an error in a query that is not the user's own."""
    try:
        yield
    except SourceError as error:
        raise SourceError(_LINE.sub("", error.message)) from None


def _bind(cursor: duckdb.DuckDBPyConnection, subquery: str) -> duckdb.DuckDBPyRelation:
    """Bind the query without running it. DuckDB accepts a statement that writes only at the top level."""
    # `sql` streams; `execute` would keep the whole result.
    relation = cast_lossy_columns(cursor.sql(subquery))
    check_plan(cursor, subquery)
    return relation


def _column_names(cursor: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, sql: str) -> list[str]:
    """Return the column names of the query itself: in a subquery, equal names get numbers."""
    names = relation.columns
    return cursor.sql(sql).columns if any(map(_NUMBERED_NAME.search, names)) else names


def open_in_memory(path: str) -> duckdb.DuckDBPyConnection:
    """Open a database in memory. Those of one process with the same name, `:memory:NAME`, are one database."""
    return _open(path, read_only=False)


def _open(path: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    with translate_errors(OPEN_FAILED):
        connection = open_database(path, read_only=read_only)
        if is_restricted(connection):
            return connection
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET temp_directory = ''")
        connection.execute(f"SET block_allocator_memory = '{BLOCK_MEMORY}'")
        return connection


@contextmanager
def _advice() -> Iterator[None]:
    """Raise SourceError with advice for a file or an extension that a query may not use."""
    try:
        yield
    except duckdb.PermissionException as error:
        if path := _FORBIDDEN_PATH.search(str(error)):
            raise SourceError(
                f'{QUERY_FAILED}: it may not read "{path[1]}", only the warehouse file and files below the project '
                "folder. Name other folders and hosts in external_access of the warehouse."
            ) from None
        raise
    except (duckdb.CatalogException, duckdb.IOException, duckdb.BinderException) as error:
        if extension := _EXTENSION.search(str(error)):
            name = extension[1] or extension[2]
            message = f'{QUERY_FAILED}: it needs DuckDB\'s extension "{name}", and queries run without extensions.'
            raise SourceError(message) from None
        raise
