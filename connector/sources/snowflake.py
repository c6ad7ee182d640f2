"""Snowflake, through its own driver: results arrive as Arrow, chunk by chunk."""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import QueryStatus
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import Error

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.array_conversion import convert_batch
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import named_place
from connector.sources.snowflake_login import login_arguments
from connector.sources.snowflake_types import column_conversions, result_schema
from connector.sources.statement import check_read_only

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace, SplitPlan

# Without a handler Python would print the driver's warnings, such as about a proxy, between our own lines.
logging.getLogger("snowflake.connector").addHandler(logging.NullHandler())

BATCH_ROWS = 65_536

_MIN_WAIT, _MAX_WAIT = 0.02, 1.0
"""Seconds between polls of a query's status."""
_MAX_UNKNOWN = 60
"""Polls in a row for which the server may not know a query that it has just accepted."""

_NAME_ERRORS = "42"
"""The SQLSTATE class whose messages quote names; others quote values."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "SnowflakeSource":
    """Log in; the tag becomes the query tag of the session. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    login = login_arguments(warehouse, directory, tag)
    with _translate_errors(OPEN_FAILED, secrets):
        return SnowflakeSource(SnowflakeConnection(**login), secrets)


class SnowflakeSource:
    """One session; one query at a time."""

    def __init__(self, connection: SnowflakeConnection, secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets
        self._running_query_id: str | None = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["SnowflakeResult"]:
        """See `Source.execute`. Snowflake completes the result before it returns the first rows."""
        check_read_only(sql, "snowflake")
        with self._connection.cursor() as cursor:
            with _translate_errors(QUERY_FAILED, self._secrets, sql):
                result = SnowflakeResult(cursor, self._run(cursor, sql), self._secrets)
            yield result

    @contextmanager
    def splits(self, sql: str, wanted: int, split_by: str | None) -> Iterator["SplitPlan"]:  # noqa: ARG002
        """See `Splittable.splits`. The query runs; splits are chunks of its result, which Snowflake keeps for a day."""
        from connector.sources.snowflake_splits import divide_chunks

        check_read_only(sql, "snowflake")
        with self._connection.cursor() as cursor, _translate_errors(QUERY_FAILED, self._secrets, sql):
            query_id = self._run(cursor, sql)
            plan = divide_chunks(query_id, sql, _rows_of_chunks(cursor), wanted)
        yield plan

    def can_read(self, sql: str, places: "Sequence[SplitPlace]") -> bool:
        """See `KeepsSplits.can_read`."""
        from connector.sources.snowflake_splits import are_chunks_of

        with suppress(Error), self._connection.cursor() as cursor:
            cursor.query_result(str(places[0]["query_id"]))
            return are_chunks_of(sql, places, _rows_of_chunks(cursor))
        return False

    @contextmanager
    def execute_split(self, sql: str, place: "SplitPlace") -> Iterator["SnowflakeResult"]:  # noqa: ARG002
        """See `Splittable.execute_split`. Addresses of chunks are secrets: they are asked for by the query's id."""
        from connector.sources.snowflake_splits import check_chunks

        query_id, (first, end) = str(place["query_id"]), place["chunks"]
        with self._connection.cursor() as cursor:
            with _translate_errors(QUERY_FAILED, self._secrets):
                cursor.query_result(query_id)
                result = SnowflakeResult(cursor, query_id, self._secrets, slice(first, end))
                check_chunks(place, [chunk.rowcount or 0 for chunk in result.chunks])
            yield result

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: Snowflake compiles the query and does not run it."""
        check_read_only(sql, "snowflake")
        with _translate_errors(QUERY_FAILED, self._secrets, sql), self._connection.cursor() as cursor:
            return result_schema(cursor.describe(sql) or [])

    def cancel(self) -> None:
        """See `Source.cancel`."""
        if self._running_query_id is not None:
            with suppress(Error), self._connection.cursor() as cursor:
                cursor.abort_query(self._running_query_id)

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(Error):
            self._connection.close()

    def _run(self, cursor: SnowflakeCursor, sql: str) -> str:
        """Submit the query and wait for its end, storing its id meanwhile; return the id."""
        query_id = str(cursor.execute_async(sql)["queryId"])
        self._running_query_id = query_id
        try:
            self._wait(query_id)
        finally:
            self._running_query_id = None
        cursor.query_result(query_id)
        return query_id

    def _wait(self, query_id: str) -> None:
        wait, unknown = _MIN_WAIT, 0
        while unknown < _MAX_UNKNOWN:
            status = self._connection.get_query_status(query_id)
            if not self._connection.is_still_running(status):
                return
            unknown = unknown + 1 if status is QueryStatus.NO_DATA else 0
            time.sleep(wait)
            wait = min(wait * 1.5, _MAX_WAIT)


class SnowflakeResult:
    """A result whose chunks are fetched one after the other."""

    def __init__(
        self, cursor: SnowflakeCursor, query_id: str, secrets: tuple[str, ...], chunks: slice = slice(None)
    ) -> None:
        self.query_id = query_id
        self.schema = result_schema(cursor.description or [])
        self._conversions = column_conversions(cursor.description or [], self.schema)
        self.chunks = (cursor.get_result_batches() or [])[chunks]
        self._secrets = secrets

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        for chunk in self.chunks:
            with _translate_errors(QUERY_FAILED, self._secrets):
                # Without these, decimals would become floating-point numbers, and the year 9999 overflow.
                table = chunk.to_arrow(number_to_decimal=True, force_microsecond_precision=True)
                batches = [] if table is None else table.to_batches(BATCH_ROWS)
            for batch in batches:
                yield convert_batch(batch, self._conversions, self.schema)


def _rows_of_chunks(cursor: SnowflakeCursor) -> list[int]:
    return [chunk.rowcount or 0 for chunk in cursor.get_result_batches() or []]


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "") -> Iterator[None]:
    try:
        yield
    except Error as error:
        sentence = _error_sentence(error, secrets, quotes_data=failure != OPEN_FAILED)
        raise SourceError(f"{failure}: {sentence}", named_place(sql, str(error.raw_msg))) from None
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{failure}: {error_text(error, secrets)}") from None


def _error_sentence(error: Error, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """Return Snowflake's code, its message, and the query's id for its history."""
    text = re.sub(r"^(?:\d{6} \(\w{5}\): )+", "", error.raw_msg)
    if (error.sqlstate or "").startswith(_NAME_ERRORS):
        quotes_data = False
        text = re.sub(r"'([A-Za-z_][\w.$]*)'", r'"\1"', text)
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    code = f"{error.errno:06d}{state}: " if error.errno and error.errno > 0 else ""
    message = error_text(text, secrets, quotes_data=quotes_data)
    return f"{code}{message}" + (f" (query {error.sfqid})" if error.sfqid else "")
