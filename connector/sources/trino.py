"""Trino, through its own client: rows come as JSON and become Arrow by the types that Trino names."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import requests
import trino.exceptions
from trino.client import TrinoQuery, TrinoRequest
from trino.constants import HEADER_STARTED_TRANSACTION
from trino.transaction import NO_TRANSACTION

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place
from connector.sources.statement import check_read_only, single_select_error
from connector.sources.trino_login import create_request
from connector.sources.trino_types import TrinoType, build_array, parse_type

# Without a handler Python would print the client's warnings between our own lines.
logging.getLogger("trino").addHandler(logging.NullHandler())
logging.getLogger("urllib3").addHandler(logging.NullHandler())

BATCH_ROWS = 8_192

_ERRORS = (
    trino.exceptions.Error,
    trino.exceptions.HttpError,
    requests.RequestException,
    ValueError,
    KeyError,
    RuntimeError,
    OSError,
)
_BEGIN = "START TRANSACTION READ ONLY"
_VALIDATE = "EXPLAIN (TYPE VALIDATE)\n"
_NAME_ERRORS = frozenset(
    "SYNTAX_ERROR TABLE_NOT_FOUND COLUMN_NOT_FOUND SCHEMA_NOT_FOUND CATALOG_NOT_FOUND FUNCTION_NOT_FOUND "
    "TYPE_NOT_FOUND AMBIGUOUS_NAME MISSING_SCHEMA_NAME MISSING_CATALOG_NAME PERMISSION_DENIED TYPE_MISMATCH "
    "EXPRESSION_NOT_AGGREGATE READ_ONLY_VIOLATION USER_CANCELED".split()
)
"""Errors whose messages quote names and no values."""
_BYTES = re.compile(r": b'(.*)'\Z")
"""How the client shows what an answer without success holds."""
_PLACE = re.compile(r"^line \d+:\d+: ")
_NAME = re.compile(r"'([A-Za-z_][\w.$-]*)'")


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "TrinoSource":  # noqa: ARG001
    """Connect; the tag becomes a client tag. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    request = create_request(warehouse, tag)
    source = TrinoSource(request, secrets)
    with _translate_errors(OPEN_FAILED, secrets):
        # Trino has no connection to open: the first statement shows whether it lets in.
        source.check_login()
    return source


class TrinoSource:
    """One session; one query at a time, each in a transaction that may only read."""

    def __init__(self, request: TrinoRequest, secrets: tuple[str, ...]) -> None:
        self._request, self._secrets = request, secrets
        self._running: TrinoQuery | None = None

    def check_login(self) -> None:
        """Run the shortest query. Raises the client's errors."""
        self._all_rows("SELECT 1")

    @contextmanager
    def execute(self, sql: str) -> Iterator["TrinoResult"]:
        """See `Source.execute`."""
        check_read_only(sql, "trino")
        with self._transaction():
            # The end of a query may be a comment.
            self._running = query = TrinoQuery(self._request, f"{sql}\n", legacy_primitive_types=True)
            try:
                with _translate_errors(QUERY_FAILED, self._secrets, sql):
                    rows = query.execute()
                    result = TrinoResult(query, rows, self._secrets)
                yield result
            finally:
                self.cancel()
                self._running = None

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: Trino analyzes the query and does not run it."""
        check_read_only(sql, "trino")
        name = f"connector_{uuid4().hex}"
        with _translate_errors(QUERY_FAILED, self._secrets, sql, lines_before=1):
            # A prepared statement has other lines than the query.
            self._all_rows(f"{_VALIDATE}{sql}\n")
            self._all_rows(f"PREPARE {name} FROM\n{sql}\n")
            try:
                columns = self._all_rows(f"DESCRIBE OUTPUT {name}")
            finally:
                self._all_rows(f"DEALLOCATE PREPARE {name}")
        return _schema([(row[0], parse_type(row[4])) for row in columns])

    def cancel(self) -> None:
        """See `Source.cancel`."""
        query = self._running
        if query is not None and not query.finished and not query.cancelled:
            with suppress(*_ERRORS):
                query.cancel()

    def close(self) -> None:
        """See `Source.close`."""

    def _all_rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return list(TrinoQuery(self._request, sql, legacy_primitive_types=True).execute())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction that may only read, and roll it back."""
        with _translate_errors(QUERY_FAILED, self._secrets):
            self._request.transaction_id = self._begin()
        try:
            yield
        finally:
            with suppress(*_ERRORS):
                self._all_rows("ROLLBACK")
            self._request.transaction_id = NO_TRANSACTION

    def _begin(self) -> str:
        response = self._request.post(_BEGIN)
        begun = response.headers.get(HEADER_STARTED_TRANSACTION)
        status = self._request.process(response)
        while status.next_uri:
            response = self._request.get(status.next_uri)
            begun = response.headers.get(HEADER_STARTED_TRANSACTION, begun)
            status = self._request.process(response)
        if not begun or begun == NO_TRANSACTION:
            raise SourceError(f"{QUERY_FAILED}: Trino began no transaction that may only read.")
        return str(begun)


class TrinoResult:
    """A result that is fetched page by page."""

    def __init__(self, query: TrinoQuery, rows: Iterator[Sequence[Any]], secrets: tuple[str, ...]) -> None:
        if query.columns is None or query.update_type is not None:
            raise single_select_error()
        self.query_id = query.query_id
        self._columns = [(str(column["name"]), parse_type(column["type"])) for column in query.columns]
        self.schema = _schema(self._columns)
        self._query, self._rows, self._secrets = query, iter(rows), secrets

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets):
                rows = list(islice(self._rows, BATCH_ROWS))
            if not rows:
                break
            columns = zip(zip(*rows, strict=True), self._columns, strict=True)
            arrays = [build_array(values, kind, name) for values, (name, kind) in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        if self._query.cancelled:
            raise SourceError(f"{QUERY_FAILED}: it was cancelled.")


def _schema(columns: Sequence[tuple[str, TrinoType]]) -> pa.Schema:
    return pa.schema([(name, kind.arrow) for name, kind in columns])


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "", lines_before: int = 0) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        text = getattr(error, "message", None) or _BYTES.sub(r": \1", str(error))
        quotes_data = failure != OPEN_FAILED and getattr(error, "error_name", None) not in _NAME_ERRORS
        if not quotes_data:
            text = _NAME.sub(r'"\1"', text)
        sentence = error_text(_PLACE.sub("", text), secrets, quotes_data=quotes_data)
        query_id = getattr(error, "query_id", None)
        told = f"{failure}: {sentence}" + (f" (query {query_id})" if query_id else "")
        raise SourceError(told, _place(error, sql, lines_before)) from None


def _place(error: BaseException, sql: str, lines_before: int) -> Place | None:
    """Return the place in the query, which in some statements stands behind other lines."""
    line, column = getattr(error, "error_location", None) or (0, 0)
    line -= lines_before
    return (line, column) if 0 < line <= sql.count("\n") + 1 else None
