"""DuckDB files, opened read-only, streamed as Arrow."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.conversion import converted
from connector.sources.duckdb_types import conversions, exact
from connector.sources.failures import FAILED, OPENING, named_errors
from connector.sources.statement import not_one_query

BATCH_ROWS = 65_536
IN_MEMORY = ":memory:"

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
    if path == IN_MEMORY:
        return DuckDBSource(_open(path, read_only=False))
    file = directory / path
    if not file.exists():
        _make(file, shown=path)
    return DuckDBSource(_open(str(file), read_only=True))


class DuckDBSource:
    """One connection; one query at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = self._running = connection

    @contextmanager
    def execute(self, sql: str) -> Iterator["DuckDBResult"]:
        """See `Source.execute`."""
        _refuse_all_but_one_query(self._connection, sql)
        cursor = self._connection.cursor()
        self._running, result = cursor, None
        try:
            result = self._started(cursor, sql)
            yield result
        finally:
            if result is not None:
                result.close()
            self._running = self._connection
            cursor.close()

    def _started(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> "DuckDBResult":
        """The result with its first batch made: what a query has to hold in memory, it holds by then."""
        with _named_errors():
            for limit in (SMALL_MEMORY, LARGE_MEMORY):
                cursor.execute(f"SET memory_limit = '{limit}'")
                try:
                    # Through `sql` and not `execute`, which would keep the whole result.
                    relation = exact(cursor.sql(sql))
                    return DuckDBResult(relation, relation.to_arrow_reader(BATCH_ROWS))
                except duckdb.OutOfMemoryException:
                    if limit == LARGE_MEMORY:
                        raise
        raise AssertionError("a limit was tried last")

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`."""
        with self.execute(f"SELECT * FROM (\n{sql}\n) AS described LIMIT 0") as result:
            return result.schema

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._running.interrupt()

    def close(self) -> None:
        """See `Source.close`."""
        self._connection.close()


class DuckDBResult:
    """A result that is read as it is made."""

    query_id = None

    def __init__(self, relation: duckdb.DuckDBPyRelation, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self._conversions = conversions(relation, reader.schema)
        self._schema = pa.schema(
            [
                field.with_type(one.kind).with_metadata({"type": str(kind)})
                for field, one, kind in zip(reader.schema, self._conversions, relation.types, strict=True)
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
            with _named_errors():
                batch = next(self._reader, None)

    def close(self) -> None:
        """Lets go of the rest, which would keep the file open."""
        self._first = None
        self._reader.close()


def _refuse_all_but_one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """DuckDB carries out every statement it is given; even a read-only file does not stop one that writes others."""
    with _named_errors():
        statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise not_one_query()


def _open(path: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    with _named_errors(OPENING):
        connection = duckdb.connect(path, read_only=read_only)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET temp_directory = ''")
        connection.execute(f"SET block_allocator_memory = '{KEPT_MEMORY}'")
        return connection


def _make(file: Path, *, shown: str) -> None:
    recipe = file.with_suffix(".sql")
    if not recipe.is_file():
        raise SourceError(
            f'The warehouse file "{shown}" does not exist, nor a {recipe.name} beside it to make it from.'
        )
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            _named_errors(f"{recipe.name} could not make the warehouse"),
            duckdb.connect(str(unfinished)) as connection,
        ):
            connection.execute(recipe.read_text())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _named_errors(what: str = FAILED) -> AbstractContextManager[None]:
    return named_errors(what, (duckdb.Error, pa.ArrowException, OSError))
