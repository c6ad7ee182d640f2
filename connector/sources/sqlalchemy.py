"""Every other database: through SQLAlchemy, streamed by the server if its driver can."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import CursorResult, Engine
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from connector.config.warehouse import Warehouse
from connector.errors import ConnectorError, SourceError
from connector.sources.column_builder import ColumnBuilder
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import named_place
from connector.sources.sqlalchemy_arrow import ArrowReader, read_cursor, read_statement
from connector.sources.sqlalchemy_engine import read_only_engine
from connector.sources.statement import check_read_only, single_select_error

BATCH_ROWS = 8_192

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "oracle": "SET TRANSACTION READ ONLY",
}
"""Statements that make a session read-only. Other databases roll back what a statement did."""

_NAME_ERRORS = re.compile('near "|no such |ambiguous column |unable to open ')
"""Beginnings of SQLite's messages that quote no values; SQLite has one type of error for all."""

_WORD = re.compile(r"'([A-Za-z_]\w*)'")
"""The name of an unknown option, as drivers quote it while they connect."""
_UNLOADABLE = "Failed to load the driver"
_LIBRARIES = " On Linux, SQL Server's driver needs libraries of the system: apt-get install libltdl7 libgssapi-krb5-2."


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "SQLAlchemySource":  # noqa: ARG001
    """Connect. Such databases have no history for the tag. Raises SourceError."""
    secrets = secrets_of(warehouse)
    with _translate_errors(OPEN_FAILED, secrets, driver_error=Exception):
        return SQLAlchemySource(read_only_engine(warehouse, directory), secrets)


class SQLAlchemySource:
    """One connection; one query at a time. Nothing is ever committed."""

    def __init__(self, engine: Engine, secrets: tuple[str, ...]) -> None:
        self._engine, self._secrets = engine, secrets
        self._connection = engine.connect()
        self._driver: Any = self._connection.connection.driver_connection
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._cursor: Any = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["SQLAlchemyResult | ArrowResult"]:
        """See `Source.execute`."""
        check_read_only(sql, self._engine.dialect.name)
        result = None
        try:
            with _translate_errors(QUERY_FAILED, self._secrets, sql, self._driver_error):
                result = self._start(sql)
            yield result
        finally:
            self._end_query(result)

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: most of these databases tell the types only with the first rows."""
        with self.execute(sql) as result:
            return result.schema

    def cancel(self) -> None:
        """See `Source.cancel`. Drivers have different methods for it."""
        for stop in ((self._driver, "interrupt"), (self._driver, "cancel"), (self._cursor, "cancel")):
            with suppress(Exception):
                getattr(*stop)()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def _start(self, sql: str) -> "SQLAlchemyResult | ArrowResult":
        name = self._engine.dialect.name
        if name in _READ_ONLY:
            self._connection.exec_driver_sql(_READ_ONLY[name])
        if reader := read_statement(self._driver, sql):
            return ArrowResult(reader, self._secrets, self._driver_error)
        options = {"stream_results": True, "max_row_buffer": BATCH_ROWS, "no_parameters": True}
        result = self._connection.exec_driver_sql(sql, execution_options=options)
        if not result.returns_rows:
            raise single_select_error()
        self._cursor = result.cursor
        if reader := read_cursor(result.cursor):
            return ArrowResult(reader, self._secrets, self._driver_error)
        return SQLAlchemyResult(result, self._secrets)

    def _end_query(self, result: "SQLAlchemyResult | ArrowResult | None") -> None:
        if result is not None and not result.is_finished:
            # Some drivers read the rest of a result before they close it.
            self.cancel()
        with suppress(SQLAlchemyError):
            if result is not None:
                result.close()
            self._connection.rollback()
        self._cursor = None


class SQLAlchemyResult:
    """A result read as it is produced; its first rows decide the types."""

    query_id = None

    def __init__(self, result: CursorResult[Any], secrets: tuple[str, ...]) -> None:
        self._result, self._secrets = result, secrets
        description = result.cursor.description
        self._first_rows = result.fetchmany(BATCH_ROWS)
        self._columns = ColumnBuilder(description, self._first_rows)
        self.is_finished = not self._first_rows

    @property
    def schema(self) -> pa.Schema:
        """See `Result.schema`."""
        return self._columns.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        rows = self._first_rows
        while rows:
            yield self._columns.batch(rows)
            with _translate_errors(QUERY_FAILED, self._secrets):
                rows = self._result.fetchmany(BATCH_ROWS)
        self.is_finished = True

    def close(self) -> None:
        """Close the result."""
        self._result.close()


class ArrowResult:
    """A result that the driver gives as Arrow, without SQLAlchemy."""

    query_id = None

    def __init__(self, reader: ArrowReader, secrets: tuple[str, ...], driver_error: type[Exception]) -> None:
        self._reader, self._secrets, self._driver_error = reader, secrets, driver_error
        self.is_finished = False

    @property
    def schema(self) -> pa.Schema:
        """See `Result.schema`."""
        return self._reader.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets, driver_error=self._driver_error):
                batch = next(self._reader.batches, None)
            if batch is None:
                break
            yield batch
        self.is_finished = True

    def close(self) -> None:
        """End the result."""
        with suppress(Exception):
            self._reader.source.close()


@contextmanager
def _translate_errors(
    failure: str, secrets: tuple[str, ...], sql: str = "", driver_error: type[Exception] = SQLAlchemyError
) -> Iterator[None]:
    """Raise SourceError with the database's message, without the statement and values that SQLAlchemy adds."""
    try:
        yield
    except ConnectorError:
        raise
    except (SQLAlchemyError, driver_error, pa.ArrowException) as error:
        cause = getattr(error, "orig", None) or error
        is_about_names = failure == OPEN_FAILED or isinstance(error, ProgrammingError) or _NAME_ERRORS.match(str(cause))
        said = _WORD.sub(r'"\1"', str(cause)) if failure == OPEN_FAILED else str(cause)
        text = error_text(said, secrets, quotes_data=not is_about_names)
        hint = _LIBRARIES if _UNLOADABLE in str(cause) else ""
        raise SourceError(f"{failure}: {text}{hint}", named_place(sql, str(cause))) from None
