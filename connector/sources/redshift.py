"""Redshift, through libpq: rows come as text, some thousand at a time, and become Arrow by the types that it names.

PostgreSQL's own way, COPY in binary, is not one of Redshift's, and without it the driver of `postgresql` holds a whole
result in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.types.string import TextLoader

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.array_conversion import Conversion
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place, place_of
from connector.sources.json_text import JSON
from connector.sources.postgresql_login import connection_string
from connector.sources.statement import check_read_only

BATCH_ROWS = 8_192

_SESSION = ("SET timezone TO 'UTC'", "SET datestyle TO 'ISO'", "SET extra_float_digits TO 2")
"""Times and numbers come as text."""
_NUMERIC, _TIME, _BOOLEAN = 1700, 1083, 16
_TYPES = {
    21: pa.int16(),
    23: pa.int32(),
    20: pa.int64(),
    26: pa.uint32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
"""By the number of the type; other types are text."""
_JSON_TYPES = frozenset({4000, 114, 3802})
"""SUPER, and PostgreSQL's two types."""
_NUMERIC_OFFSET, _DIGITS = 4, 38
_DAY = "1970-01-01"
_NAME_ERRORS = ("08", "28", "3D", "3F", "42", "53", "55", "57")
"""SQLSTATE classes whose messages quote names and no values."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "RedshiftSource":  # noqa: ARG001
    """Connect; the tag becomes the application's name. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    address = connection_string(warehouse, tag)
    with _translate_errors(OPEN_FAILED, secrets):
        # Redshift calls its encoding UNICODE, which is none of Python's.
        connection = psycopg.connect(address, autocommit=True, client_encoding="utf8", prepare_threshold=None)
        for command in _SESSION:
            connection.execute(command.encode())
    return RedshiftSource(connection, secrets)


class RedshiftSource:
    """One connection; one query at a time, each in a transaction that may only read."""

    def __init__(self, connection: "psycopg.Connection[Any]", secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets
        for info in psycopg.postgres.types:
            connection.adapters.register_loader(info.oid, TextLoader)
            connection.adapters.register_loader(info.array_oid, TextLoader)

    @contextmanager
    def execute(self, sql: str) -> Iterator["RedshiftResult"]:
        """See `Source.execute`."""
        check_read_only(sql, "redshift")
        with self._transaction(), self._connection.cursor() as cursor:
            with _translate_errors(QUERY_FAILED, self._secrets, sql):
                columns = self._columns(sql)
            rows = cursor.stream(sql.encode(), size=BATCH_ROWS)
            try:
                yield RedshiftResult(columns, rows, self._secrets, sql)
            finally:
                with suppress(psycopg.Error):
                    rows.close()  # type: ignore[attr-defined]

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: the server prepares the query and does not run it."""
        check_read_only(sql, "redshift")
        with self._transaction(), _translate_errors(QUERY_FAILED, self._secrets, sql):
            return _schema(self._columns(sql))

    def cancel(self) -> None:
        """See `Source.cancel`."""
        with suppress(psycopg.Error):
            self._connection.cancel()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(psycopg.Error):
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction that may only read, and roll it back."""
        with _translate_errors(QUERY_FAILED, self._secrets):
            self._connection.execute(b"BEGIN READ ONLY")
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                self._connection.execute(b"ROLLBACK")

    def _columns(self, sql: str) -> list[tuple[str, Conversion]]:
        """Return the names of the columns and the conversions of their texts."""
        server = self._connection.pgconn
        _check(server.prepare(b"", sql.encode()))
        described = _check(server.describe_prepared(b""))
        return [
            ((described.fname(n) or b"").decode(), _conversion(described.ftype(n), described.fmod(n)))
            for n in range(described.nfields)
        ]


class RedshiftResult:
    """A result whose rows are fetched as they are read."""

    query_id = None

    def __init__(
        self, columns: Sequence[tuple[str, Conversion]], rows: Iterator[Any], secrets: tuple[str, ...], sql: str
    ) -> None:
        self._columns, self._rows, self._secrets, self._sql = columns, rows, secrets, sql
        self.schema = _schema(columns)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets, self._sql):
                rows = list(islice(self._rows, BATCH_ROWS))
            if not rows:
                return
            values = zip(self._columns, zip(*rows, strict=True), strict=True)
            arrays = [_build(name, conversion, texts) for (name, conversion), texts in values]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _schema(columns: Sequence[tuple[str, Conversion]]) -> pa.Schema:
    return pa.schema([(name, conversion.kind) for name, conversion in columns])


def _build(name: str, conversion: Conversion, texts: Sequence[str | None]) -> pa.Array:
    try:
        return conversion(pa.array(texts, pa.string()))
    except pa.ArrowException:
        raise SourceError(
            f'The column "{name}" holds a value that cannot be read as {conversion.kind}: cast it to VARCHAR in the '
            "query."
        ) from None


def _conversion(number: int, modifier: int) -> Conversion:
    """Return the conversion of the texts of a type; the modifier has the digits of a NUMERIC."""
    if number in _JSON_TYPES:
        return JSON
    if number == _BOOLEAN:
        return Conversion(pa.bool_(), lambda texts: pc.equal(texts, "t"))
    if number == _TIME:
        return Conversion(pa.time64("us"), _times)
    kind = _decimal(modifier) if number == _NUMERIC else _TYPES.get(number, pa.string())
    return Conversion(kind, lambda texts: texts.cast(kind))


def _decimal(modifier: int) -> pa.DataType:
    """Return the type of a NUMERIC; one without a number of digits has any, and is text."""
    digits, scale = divmod(modifier - _NUMERIC_OFFSET, 1 << 16)
    return pa.decimal128(digits, scale) if modifier >= _NUMERIC_OFFSET and digits <= _DIGITS else pa.string()


def _times(texts: pa.StringArray) -> pa.Array:
    return pc.binary_join_element_wise(_DAY, texts, " ").cast(pa.timestamp("us")).cast(pa.time64("us"))


def _check(result: PGresult) -> PGresult:
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    return result


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "") -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, OSError) as error:
        state = getattr(error, "sqlstate", None) or ""
        primary = getattr(getattr(error, "diag", None), "message_primary", None)
        quotes_data = failure != OPEN_FAILED and not state.startswith(_NAME_ERRORS)
        text = error_text(primary or error, secrets, quotes_data=quotes_data)
        raise SourceError(f"{failure}: {text}" + (f" ({state})" if state else ""), _place(error, sql)) from None


def _place(error: BaseException, sql: str) -> Place | None:
    """Return the place in the query that the server names as the number of a character, from 1."""
    position = getattr(getattr(error, "diag", None), "statement_position", None) or ""
    return place_of(sql, int(position) - 1) if position.isdigit() and 0 < int(position) <= len(sql) + 1 else None
