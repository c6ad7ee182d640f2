"""PostgreSQL, and what speaks its protocol, through ADBC: the server's binary rows become Arrow in C."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError, SourceError
from connector.sources.failures import FAILED, OPENING, said, secrets_of
from connector.sources.opaque import PlainTypes
from connector.sources.statement import refuse_other_statements

BATCH_BYTES = 1 << 18
"""Of the server's rows: few enough for the first batch to come early, enough for the batches not to be too many."""

_CONNECT_SECONDS = "30"
_TEXT_TYPES = "SELECT typname::text FROM pg_catalog.pg_type WHERE typtype = 'e' OR typname IN ('citext', 'ltree')"
_MONEY_UNIT = "SELECT 1::pg_catalog.money AS unit"
_ERRORS = (adbc_driver_manager.Error, pa.ArrowException, OSError)
_PRIMARY = re.compile(r"(?:ERROR|FATAL):\s+(?P<said>[^\n]*)")
_ABOUT_NAMES = ("08", "28", "3D", "3F", "42", "53", "55", "57")
"""Classes of errors whose messages quote names and no values."""
"""The class of SQLSTATEs whose messages quote values, as others quote names."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "PostgreSQLSource":  # noqa: ARG001
    """Connects; the tag becomes the application's name. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    address = _address(warehouse, tag)
    with _named_errors(OPENING, secrets):
        return PostgreSQLSource(dbapi.connect(address, autocommit=True), secrets, warehouse.dialect)


class PostgreSQLSource:
    """One connection; one query at a time, each in a transaction that may only read."""

    def __init__(self, connection: dbapi.Connection, secrets: tuple[str, ...], dialect: str) -> None:
        self._connection, self._secrets, self._dialect = connection, secrets, dialect
        self._money_places = self._places()

    @contextmanager
    def execute(self, sql: str) -> Iterator["PostgreSQLResult"]:
        """See `Source.execute`."""
        refuse_other_statements(sql, self._dialect)
        with self._reading() as cursor:
            with _named_errors(FAILED, self._secrets):
                types = partial(PlainTypes, text_types=self._text_types(cursor), money_places=self._money_places)
                options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
                cursor.adbc_statement.set_options(**options)
                # The driver puts it into COPY (…): a comment at its end would take the bracket along.
                cursor.execute(f"{sql}\n")
                result = PostgreSQLResult(cursor.fetch_record_batch(), types, self._secrets)
            try:
                yield result
            finally:
                if not result.is_finished:
                    # What is left of it would be read to its end before anything else could be said.
                    self.cancel()

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: the server prepares the query and does not run it."""
        refuse_other_statements(sql, self._dialect)
        with self._reading() as cursor, _named_errors(FAILED, self._secrets):
            schema = cursor.adbc_execute_schema(sql)
            return PlainTypes(schema, self._text_types(cursor), self._money_places).schema

    def cancel(self) -> None:
        """See `Source.cancel`."""
        with suppress(*_ERRORS):
            self._connection.adbc_cancel()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(*_ERRORS):
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        cursor = self._connection.cursor()
        try:
            with _named_errors(FAILED, self._secrets):
                cursor.execute("BEGIN READ ONLY")
            yield cursor
        finally:
            with suppress(*_ERRORS):
                cursor.close()
            self._end_transaction()

    def _end_transaction(self) -> None:
        with suppress(*_ERRORS), self._connection.cursor() as cursor:
            cursor.execute("ROLLBACK")

    def _places(self) -> int | None:
        """How many decimal places MONEY has here, which the server's locale decides; None where there is no MONEY."""
        with suppress(*_ERRORS), self._connection.cursor() as cursor:
            cursor.execute(_MONEY_UNIT)
            return len(str(cursor.fetch_arrow_table()["unit"][0].as_py())) - 1
        return None

    def _text_types(self, cursor: Any) -> frozenset[str]:
        """The types that go over the wire as text, of those that the driver does not know."""
        cursor.execute(_TEXT_TYPES)
        return frozenset(cursor.fetch_arrow_table()["typname"].to_pylist())


class PostgreSQLResult:
    """A result that is read as the server sends it."""

    query_id = None

    def __init__(
        self, reader: pa.RecordBatchReader, types: Callable[[pa.Schema], PlainTypes], secrets: tuple[str, ...]
    ) -> None:
        self._reader, self._secrets = reader, secrets
        self._types = types(reader.schema)
        self.schema = self._types.schema
        self.is_finished = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _named_errors(FAILED, self._secrets):
                batch = next(self._reader, None)
                if batch is None:
                    self.is_finished = True
                    return
                batch = self._types.batch(batch)
            yield batch


def _address(warehouse: Warehouse, tag: str | None) -> str:
    """What libpq connects with, as its keywords and values.

    `token` is a password too: one that is made anew for each connection, as on RDS.
    """
    try:
        url = make_url(warehouse.url.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" cannot be read: it has to look like '
            "postgresql://user@host:5432/database, special characters in the password as %XX."
        ) from None
    secret = warehouse.password or warehouse.token
    password = secret.get_secret_value() if secret else url.password
    place = {"host": url.host, "port": url.port, "user": url.username, "password": password, "dbname": url.database}
    ours = {"connect_timeout": _CONNECT_SECONDS, **({"application_name": tag} if tag else {})}
    settings = {**ours, **place, **url.query, **warehouse.options}
    return " ".join(f"{key}='{_escaped(str(value))}'" for key, value in settings.items() if value is not None)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("'", r"\'")


@contextmanager
def _named_errors(what: str, secrets: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise SourceError(f"{what}: {_sentence(error, secrets, quotes_data=what != OPENING)}") from None


def _sentence(error: BaseException, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """What the server said, without the query that the driver repeats; else what the driver said."""
    found, state = _PRIMARY.search(str(error)), getattr(error, "sqlstate", None)
    if found is None:
        return said(str(error).partition("[libpq] ")[2] or error, secrets, quotes_data=quotes_data)
    quotes_data = quotes_data and not (state or "").startswith(_ABOUT_NAMES)
    return said(found["said"], secrets, quotes_data=quotes_data) + (f" ({state})" if state else "")
