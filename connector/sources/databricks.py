"""Databricks SQL, through its own driver: results arrive as Arrow, part by part."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
from databricks import sql as databricks_sql
from databricks.sql.exc import Error

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.array_conversion import Conversion, build_conversion, convert_batch
from connector.sources.databricks_login import check_reachable, connect_arguments
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place, named_place
from connector.sources.json_text import JSON
from connector.sources.statement import check_read_only

# Without a handler Python would print the driver's warnings between our own lines.
logging.getLogger("databricks.sql").addHandler(logging.NullHandler())
logging.getLogger("urllib3").addHandler(logging.NullHandler())

BATCH_ROWS = 65_536

_ERRORS = (Error, requests.RequestException, pa.ArrowException, OSError, RuntimeError)
_UTC = pa.timestamp("us", "UTC")
_SQL_NAME = b"Spark:DataType:SqlName"
_NAME_ERRORS = re.compile(
    r"\[(?:UNRESOLVED_|TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|AMBIGUOUS_|PARSE_SYNTAX_ERROR|INSUFFICIENT_|ROUTINE_)"
)
"""Databricks' classes of errors whose messages quote names and no values."""
_TWICE = re.compile(r"\AError during request to server: (.*)\. \1\Z", re.DOTALL)
_TAIL = re.compile(r"\s*(?:SQLSTATE: (?P<state>\w{5}))?\s*(?:;.*|\(line \d+, pos \d+\).*|== SQL.*)?\Z", re.DOTALL)
"""The part of an error after its sentence: the state, and parts of the query."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "DatabricksSource":  # noqa: ARG001
    """Open a session. Its queries have no tag in the history. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    arguments = connect_arguments(warehouse)
    with _translate_errors(OPEN_FAILED, secrets):
        check_reachable(arguments)
        return DatabricksSource(databricks_sql.connect(**arguments), secrets)


class DatabricksSource:
    """One session; one query at a time."""

    def __init__(self, connection: Any, secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets
        self._cursor: Any = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["DatabricksResult"]:
        """See `Source.execute`."""
        # There is no session that can only read: what can stand in brackets is a query.
        self.describe(sql)
        with self._running(f"{sql}\n", sql) as cursor:
            with _translate_errors(QUERY_FAILED, self._secrets, sql):
                result = DatabricksResult(cursor, self._secrets)
            yield result

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: a query for no rows, which Databricks answers without reading tables."""
        check_read_only(sql, "databricks")
        with (
            self._running(f"SELECT * FROM (\n{sql}\n) LIMIT 0", sql, lines_before=1) as cursor,
            _translate_errors(QUERY_FAILED, self._secrets, sql, lines_before=1),
        ):
            return DatabricksResult(cursor, self._secrets).schema

    def cancel(self) -> None:
        """See `Source.cancel`."""
        cursor = self._cursor
        if cursor is not None and cursor.query_id is not None:
            with suppress(*_ERRORS):
                cursor.cancel()

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(*_ERRORS):
            self._connection.close()

    @contextmanager
    def _running(self, statement: str, sql: str, lines_before: int = 0) -> Iterator[Any]:
        """Run a statement, and end it on the server afterwards."""
        with _translate_errors(QUERY_FAILED, self._secrets, sql, lines_before):
            self._cursor = cursor = self._connection.cursor()
        try:
            with _translate_errors(QUERY_FAILED, self._secrets, sql, lines_before):
                cursor.execute(statement)
            yield cursor
        finally:
            self._cursor = None
            with suppress(*_ERRORS):
                cursor.close()


class DatabricksResult:
    """A result that is fetched part by part; its first part has the columns."""

    def __init__(self, cursor: Any, secrets: tuple[str, ...]) -> None:
        self.query_id = cursor.query_id
        self._cursor, self._secrets = cursor, secrets
        self._first = cursor.fetchmany_arrow(BATCH_ROWS)
        self._conversions = [build_conversion(field, _conversion) for field in self._first.schema]
        kinds = zip(self._first.schema, self._conversions, strict=True)
        self.schema = pa.schema([(field.name, conversion.kind) for field, conversion in kinds])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        table = self._first
        while table.num_rows:
            for batch in table.to_batches(BATCH_ROWS):
                yield convert_batch(batch, self._conversions, self.schema)
            with _translate_errors(QUERY_FAILED, self._secrets):
                table = self._cursor.fetchmany_arrow(BATCH_ROWS)


def _conversion(field: pa.Field) -> Conversion:
    """Return the conversion of a value: a moment to UTC, a VARIANT to its text."""
    kind = field.type
    if (field.metadata or {}).get(_SQL_NAME, b"").upper().startswith(b"VARIANT"):
        return JSON
    if pa.types.is_timestamp(kind):
        wanted = _UTC if kind.tz else pa.timestamp("us")
        return Conversion(wanted, lambda array: array.cast(wanted)) if kind != wanted else Conversion(kind)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind):
        return Conversion(pa.string(), lambda array: array.cast(pa.string()))
    return Conversion(kind)


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "", lines_before: int = 0) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        text = _text(error)
        sentence = _TAIL.sub(lambda tail: f" ({tail['state']})" if tail["state"] else "", text, count=1)
        quotes_data = failure != OPEN_FAILED and not _NAME_ERRORS.match(text)
        if not quotes_data:
            sentence = sentence.replace("`", '"')
        raise SourceError(
            f"{failure}: {error_text(sentence, secrets, quotes_data=quotes_data)}", _place(text, sql, lines_before)
        ) from None


def _text(error: BaseException) -> str:
    """Return the driver's message, in which requests that fail say so twice, or not with which status."""
    text = _TWICE.sub(r"\1", str(getattr(error, "message", None) or error))
    status = getattr(error, "context", {}).get("http-code")
    return f"{text.rstrip('.')} (HTTP {status})" if status and str(status) not in text else text


def _place(text: str, sql: str, lines_before: int) -> Place | None:
    """Return the place in the query, which in some statements stands behind other lines."""
    place = named_place(f"{sql}\n\n", text)
    return None if place is None or place[0] <= lines_before else (place[0] - lines_before, place[1])
