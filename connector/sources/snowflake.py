"""Snowflake, through its own driver: results come as Arrow, chunk by chunk."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import QueryStatus
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import Error

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.conversion import converted
from connector.sources.failures import FAILED, OPENING, said, secrets_of
from connector.sources.snowflake_login import login_of
from connector.sources.snowflake_types import conversions_of, schema_of
from connector.sources.statement import refuse_other_statements

# Python would print what the driver warns of, such as a proxy that it uses, between our own lines.
logging.getLogger("snowflake.connector").addHandler(logging.NullHandler())

BATCH_ROWS = 65_536

_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
"""Seconds between questions whether a query is done."""
_UNKNOWN_AT_MOST = 60
"""So many times in a row the server may know nothing of a query that it has just taken."""

_ABOUT_NAMES = "42"
"""The class of SQLSTATEs whose messages quote names, as others quote values."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "SnowflakeSource":
    """Logs in; the tag becomes the query tag of the session. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    login = login_of(warehouse, directory, tag)
    with _named_errors(OPENING, secrets):
        return SnowflakeSource(SnowflakeConnection(**login), secrets)


class SnowflakeSource:
    """One session; one query at a time."""

    def __init__(self, connection: SnowflakeConnection, secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets
        self._running: str | None = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["SnowflakeResult"]:
        """See `Source.execute`. Snowflake makes the whole result before it gives the first of it."""
        refuse_other_statements(sql, "snowflake")
        with self._connection.cursor() as cursor:
            with _named_errors(FAILED, self._secrets):
                result = SnowflakeResult(cursor, self._done(cursor, sql), self._secrets)
            yield result

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: Snowflake compiles the query and does not run it."""
        refuse_other_statements(sql, "snowflake")
        with _named_errors(FAILED, self._secrets), self._connection.cursor() as cursor:
            return schema_of(cursor.describe(sql) or [])

    def cancel(self) -> None:
        """See `Source.cancel`."""
        if self._running is not None:
            with suppress(Error), self._connection.cursor() as cursor:
                cursor.abort_query(self._running)

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(Error):
            self._connection.close()

    def _done(self, cursor: SnowflakeCursor, sql: str) -> str:
        """Submits the query and waits for its end, its id being known meanwhile; gives the id."""
        number = str(cursor.execute_async(sql)["queryId"])
        self._running = number
        try:
            self._wait(number)
        finally:
            self._running = None
        cursor.query_result(number)
        return number

    def _wait(self, number: str) -> None:
        wait, unknown = _FIRST_WAIT, 0
        while unknown < _UNKNOWN_AT_MOST:
            status = self._connection.get_query_status(number)
            if not self._connection.is_still_running(status):
                return
            unknown = unknown + 1 if status is QueryStatus.NO_DATA else 0
            time.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)


class SnowflakeResult:
    """A result whose chunks are fetched one after the other."""

    def __init__(self, cursor: SnowflakeCursor, query_id: str, secrets: tuple[str, ...]) -> None:
        self.query_id = query_id
        self.schema = schema_of(cursor.description or [])
        self._conversions = conversions_of(cursor.description or [], self.schema)
        self._chunks = cursor.get_result_batches() or []
        self._secrets = secrets

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        for chunk in self._chunks:
            with _named_errors(FAILED, self._secrets):
                # Without these, decimals would become floating-point numbers, and the year 9999 overflow.
                table = chunk.to_arrow(number_to_decimal=True, force_microsecond_precision=True)
                batches = [] if table is None else table.to_batches(BATCH_ROWS)
            for batch in batches:
                yield converted(batch, self._conversions, self.schema)


@contextmanager
def _named_errors(what: str, secrets: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise SourceError(f"{what}: {_sentence(error, secrets, quotes_data=what != OPENING)}") from None
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{what}: {said(error, secrets)}") from None


def _sentence(error: Error, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """Snowflake's code, its words, and the query's id, by which its history tells more."""
    text = re.sub(r"^(?:\d{6} \(\w{5}\): )+", "", error.raw_msg)
    if (error.sqlstate or "").startswith(_ABOUT_NAMES):
        quotes_data = False
        text = re.sub(r"'([A-Za-z_][\w.$]*)'", r'"\1"', text)
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    code = f"{error.errno:06d}{state}: " if error.errno and error.errno > 0 else ""
    words = said(text, secrets, quotes_data=quotes_data)
    return f"{code}{words}" + (f" (query {error.sfqid})" if error.sfqid else "")
