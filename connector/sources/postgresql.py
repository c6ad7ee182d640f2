"""PostgreSQL and databases with its protocol, through ADBC: binary rows become Arrow in C."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place, place_of
from connector.sources.postgresql_login import connection_string
from connector.sources.postgresql_types import PostgreSQLTypes
from connector.sources.statement import check_read_only

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace, SplitPlan

BATCH_BYTES = 1 << 18
"""Of the server's rows: small enough for an early first batch, large enough to keep the number of batches low."""

_TEXT_TYPES = "SELECT typname::text FROM pg_catalog.pg_type WHERE typtype = 'e' OR typname IN ('citext', 'ltree')"
_MONEY_UNIT = "SELECT 1::pg_catalog.money AS unit"
_DRIVER_ERRORS = (adbc_driver_manager.Error, pa.ArrowException, OSError)
_PRIMARY_MESSAGE = re.compile(r"(?:ERROR|FATAL):\s+(?P<said>[^\n]*)")
_NAME_ERRORS = ("08", "28", "3D", "3F", "42", "53", "55", "57")
"""SQLSTATE classes whose messages quote names and no values."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "PostgreSQLSource":  # noqa: ARG001
    """Connect; the tag becomes the application's name. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    address = connection_string(warehouse, tag)
    with _translate_errors(OPEN_FAILED, secrets):
        return PostgreSQLSource(partial(dbapi.connect, address, autocommit=True), secrets, warehouse.dialect)


class PostgreSQLSource:
    """One connection; one query at a time, each in a transaction that may only read."""

    def __init__(self, connect: Callable[[], dbapi.Connection], secrets: tuple[str, ...], dialect: str) -> None:
        self._connect, self._secrets, self._dialect = connect, secrets, dialect
        self._connection = connect()
        self._money_places = self._read_money_places()

    @contextmanager
    def execute(self, sql: str) -> Iterator["PostgreSQLResult"]:
        """See `Source.execute`."""
        check_read_only(sql, self._dialect)
        with self._read_only_cursor() as cursor, self._result(cursor, sql, sql) as result:
            yield result

    @contextmanager
    def splits(self, sql: str, wanted: int, split_by: str | None) -> Iterator["SplitPlan"]:
        """See `Splittable.splits`. The splits are of one snapshot, which a session of its own holds."""
        from connector.core.split_plan import ONE_WANTED
        from connector.sources.postgresql_splits import NO_SNAPSHOT, PostgreSQLDivision, exported_snapshot, kept_alive
        from connector.sources.split_ranges import split_column

        if wanted == 1:
            yield ONE_WANTED
            return
        schema = self.describe(sql)
        column = None if split_by is None else split_column(schema, split_by)
        with exported_snapshot(self._connect) as snapshot:
            if snapshot is None:
                yield NO_SNAPSHOT
                return
            with _translate_errors(QUERY_FAILED, self._secrets):
                division = PostgreSQLDivision(snapshot, sql, self.describe)
                plan = division.by_column(column, wanted, self.execute) if column else division.by_pages(wanted)
            with kept_alive(snapshot):
                yield plan

    @contextmanager
    def execute_split(self, sql: str, place: "SplitPlace") -> Iterator["PostgreSQLResult"]:
        """See `Splittable.execute_split`."""
        from connector.sources.postgresql_splits import BEGIN, split_query

        check_read_only(sql, self._dialect)
        with self._read_only_cursor(BEGIN) as cursor:
            try:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{place['snapshot']}'")
            except _DRIVER_ERRORS:
                raise SourceError(
                    f"{QUERY_FAILED}: the snapshot that all tasks read has ended with the session that held it. Run "
                    "the orchestration again, which reads the result again."
                ) from None
            with self._result(cursor, split_query(sql, place), "") as result:
                yield result

    @contextmanager
    def _result(self, cursor: Any, sql: str, located_sql: str) -> Iterator["PostgreSQLResult"]:
        """Run a query in the transaction; errors are located in `located_sql`."""
        with _translate_errors(QUERY_FAILED, self._secrets, located_sql):
            types = partial(PostgreSQLTypes, text_types=self._read_text_types(cursor), money_places=self._money_places)
            options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            cursor.adbc_statement.set_options(**options)
            # The driver wraps the query in COPY (…): a comment at its end would hide the bracket.
            cursor.execute(f"{sql}\n")
            result = PostgreSQLResult(cursor.fetch_record_batch(), types, self._secrets)
        try:
            yield result
        finally:
            if not result.is_finished:
                # Otherwise the rest would be read to its end before the next command.
                self.cancel()

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: the server prepares the query and does not run it."""
        check_read_only(sql, self._dialect)
        with self._read_only_cursor() as cursor, _translate_errors(QUERY_FAILED, self._secrets, sql):
            schema = cursor.adbc_execute_schema(sql)
            return PostgreSQLTypes(schema, self._read_text_types(cursor), self._money_places).schema

    def cancel(self) -> None:
        """See `Source.cancel`."""
        with suppress(*_DRIVER_ERRORS):
            self._connection.adbc_cancel()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(*_DRIVER_ERRORS):
            self._connection.close()

    @contextmanager
    def _read_only_cursor(self, begin: str = "BEGIN READ ONLY") -> Iterator[Any]:
        cursor = self._connection.cursor()
        try:
            with _translate_errors(QUERY_FAILED, self._secrets):
                cursor.execute(begin)
            yield cursor
        finally:
            with suppress(*_DRIVER_ERRORS):
                cursor.close()
            self._end_transaction()

    def _end_transaction(self) -> None:
        with suppress(*_DRIVER_ERRORS), self._connection.cursor() as cursor:
            cursor.execute("ROLLBACK")

    def _read_money_places(self) -> int | None:
        """Read the decimal places of MONEY, which the server's locale decides; None without MONEY."""
        with suppress(*_DRIVER_ERRORS), self._connection.cursor() as cursor:
            cursor.execute(_MONEY_UNIT)
            return len(str(cursor.fetch_arrow_table()["unit"][0].as_py())) - 1
        return None

    def _read_text_types(self, cursor: Any) -> frozenset[str]:
        """Read the types that the server sends as text, of those unknown to the driver."""
        cursor.execute(_TEXT_TYPES)
        return frozenset(cursor.fetch_arrow_table()["typname"].to_pylist())


class PostgreSQLResult:
    """A result that is read as the server sends it."""

    query_id = None

    def __init__(
        self, reader: pa.RecordBatchReader, types: Callable[[pa.Schema], PostgreSQLTypes], secrets: tuple[str, ...]
    ) -> None:
        self._reader, self._secrets = reader, secrets
        self._types = types(reader.schema)
        self.schema = self._types.schema
        self.is_finished = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets):
                batch = next(self._reader, None)
                if batch is None:
                    self.is_finished = True
                    return
                batch = self._types.batch(batch)
            yield batch


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "") -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise SourceError(
            f"{failure}: {_error_sentence(error, secrets, quotes_data=failure != OPEN_FAILED)}", _place(error, sql)
        ) from None


def _place(error: BaseException, sql: str) -> Place | None:
    """Return the place in the query that the server names as the number of a character, from 1."""
    position = dict(getattr(error, "details", ())).get(b"PG_DIAG_STATEMENT_POSITION") or b""
    return place_of(sql, int(position) - 1) if position.isdigit() and 0 < int(position) <= len(sql) + 1 else None


def _error_sentence(error: BaseException, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """Return the server's message without the query that the driver repeats; else the driver's message."""
    match, state = _PRIMARY_MESSAGE.search(str(error)), getattr(error, "sqlstate", None)
    if match is None:
        return error_text(str(error).partition("[libpq] ")[2] or error, secrets, quotes_data=quotes_data)
    quotes_data = quotes_data and not (state or "").startswith(_NAME_ERRORS)
    return error_text(match["said"], secrets, quotes_data=quotes_data) + (f" ({state})" if state else "")
