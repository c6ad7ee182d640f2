"""Every database that has no faster way: through SQLAlchemy, streamed by the server where its driver can."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import CursorResult, Engine
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.columns import Columns
from connector.sources.failures import FAILED, OPENING, said, secrets_of
from connector.sources.sqlalchemy_engine import engine_of
from connector.sources.statement import not_one_query, refuse_other_statements

BATCH_ROWS = 8_192

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "START TRANSACTION READ ONLY",
    "mariadb": "START TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}
"""For databases that can be told to. With the others, what a statement did is rolled back."""

_ABOUT_NAMES = re.compile('near "|no such |ambiguous column |unable to open ')
"""How SQLite's messages begin that quote no values; SQLite has one kind of error for all of them."""

_MYSQL = frozenset({"mysql", "mariadb"})


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "SQLAlchemySource":  # noqa: ARG001
    """Connects. Such databases keep no history that the tag could go into. Raises SourceError."""
    secrets = secrets_of(warehouse)
    with _named_errors(OPENING, secrets):
        return SQLAlchemySource(engine_of(warehouse, directory), secrets)


class SQLAlchemySource:
    """One connection; one query at a time. Whatever a statement did is never committed."""

    def __init__(self, engine: Engine, secrets: tuple[str, ...]) -> None:
        self._engine, self._secrets = engine, secrets
        self._connection = engine.connect()
        self._driver: Any = self._connection.connection.driver_connection
        self._cursor: Any = None
        self._number: int | None = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["SQLAlchemyResult"]:
        """See `Source.execute`."""
        refuse_other_statements(sql, self._engine.dialect.name)
        result = None
        try:
            with _named_errors(FAILED, self._secrets):
                result = SQLAlchemyResult(self._started(sql), self._secrets)
            yield result
        finally:
            self._end(result)

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: of most of these databases only the first rows tell the types."""
        with self.execute(sql) as result:
            return result.schema

    def cancel(self) -> None:
        """See `Source.cancel`. Drivers call it by different names, and MySQL wants it said on another connection."""
        with suppress(Exception):
            if self._number is not None:
                with self._engine.connect() as other:
                    other.exec_driver_sql(f"KILL QUERY {self._number}")
        for stop in ((self._driver, "interrupt"), (self._driver, "cancel"), (self._cursor, "cancel")):
            with suppress(Exception):
                getattr(*stop)()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def _started(self, sql: str) -> CursorResult[Any]:
        name = self._engine.dialect.name
        if name in _READ_ONLY:
            self._connection.exec_driver_sql(_READ_ONLY[name])
        if name in _MYSQL:
            self._number = self._connection.exec_driver_sql("SELECT connection_id()").scalar_one()
        options = {"stream_results": True, "max_row_buffer": BATCH_ROWS, "no_parameters": True}
        result = self._connection.exec_driver_sql(sql, execution_options=options)
        if not result.returns_rows:
            raise not_one_query()
        self._cursor = result.cursor
        return result

    def _end(self, result: "SQLAlchemyResult | None") -> None:
        if result is not None and not result.is_finished:
            # Some drivers read what is left of a result before they let go of it.
            self.cancel()
        with suppress(SQLAlchemyError):
            if result is not None:
                result.close()
            self._connection.rollback()
        self._cursor = self._number = None


class SQLAlchemyResult:
    """A result that is read as it is made; its first rows decide on the types."""

    query_id = None

    def __init__(self, result: CursorResult[Any], secrets: tuple[str, ...]) -> None:
        self._result, self._secrets = result, secrets
        description = result.cursor.description
        self._first = result.fetchmany(BATCH_ROWS)
        self._columns = Columns(description, self._first)
        self.is_finished = not self._first

    @property
    def schema(self) -> pa.Schema:
        """See `Result.schema`."""
        return self._columns.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        rows = self._first
        while rows:
            yield self._columns.batch(rows)
            with _named_errors(FAILED, self._secrets):
                rows = self._result.fetchmany(BATCH_ROWS)
        self.is_finished = True

    def close(self) -> None:
        """Lets go of the rest."""
        self._result.close()


@contextmanager
def _named_errors(what: str, secrets: tuple[str, ...]) -> Iterator[None]:
    """What the database said, without the statement and its values, which SQLAlchemy puts around it."""
    try:
        yield
    except SQLAlchemyError as error:
        words = getattr(error, "orig", None) or error
        is_about_names = what == OPENING or isinstance(error, ProgrammingError) or _ABOUT_NAMES.match(str(words))
        raise SourceError(f"{what}: {said(words, secrets, quotes_data=not is_about_names)}") from None
