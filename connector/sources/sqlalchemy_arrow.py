"""Results that a driver of SQLAlchemy gives as Arrow: their values never become objects of Python."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from connector.sources.array_conversion import Conversion, convert_batch

BATCH_ROWS = 65_536

_MICROSECONDS, _UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")
_EXACT_TYPES = frozenset(
    f"DB_TYPE_{name}"
    for name in "VARCHAR CHAR NVARCHAR NCHAR LONG CLOB NCLOB DATE TIMESTAMP BINARY_FLOAT BINARY_DOUBLE RAW BLOB".split()
)
"""Oracle's types whose values Arrow has as they are. It has no time zone for those with one."""
_NUMBER, _DIGITS = "DB_TYPE_NUMBER", 38


class ArrowReader(NamedTuple):
    """The batches of a result, with their schema and what ends them."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    source: Any
    """The driver's own reader; a `close` of it, if there is one, ends the result."""


def read_cursor(cursor: Any) -> ArrowReader | None:
    """Return the reader of an executed cursor; None if its driver has none, as all have but SQL Server's."""
    if not hasattr(cursor, "arrow_reader"):
        return None
    reader = cursor.arrow_reader(BATCH_ROWS)
    return _plain(reader.schema, iter(reader), reader)


def read_statement(connection: Any, sql: str) -> ArrowReader | None:
    """Run a query as Oracle's driver does for Arrow; None for other drivers, and for columns that would lose digits.

    A NUMBER without a number of digits would become a floating-point number.
    """
    if not hasattr(connection, "fetch_df_batches"):
        return None
    with connection.cursor() as cursor:
        cursor.parse(sql)
        if not all(map(_is_exact, cursor.description or ())):
            return None
    frames = iter(connection.fetch_df_batches(sql, size=BATCH_ROWS, fetch_decimals=True))
    first = pa.table(next(frames))
    return _plain(first.schema, _batches(first, frames), frames)


def _is_exact(column: Any) -> bool:
    name = getattr(column[1], "name", "")
    if name == _NUMBER:
        precision, scale = column[4] or 0, column[5] or 0
        return 0 < precision <= _DIGITS and 0 <= scale <= precision
    return name in _EXACT_TYPES


def _batches(first: pa.Table, frames: Iterator[Any]) -> Iterator[pa.RecordBatch]:
    yield from first.to_batches()
    for frame in frames:
        yield from pa.table(frame).to_batches()


def _plain(schema: pa.Schema, batches: Iterator[pa.RecordBatch], source: Any) -> ArrowReader:
    conversions = [_conversion(field.type) for field in schema]
    plain = pa.schema([(field.name, one.kind) for field, one in zip(schema, conversions, strict=True)])
    return ArrowReader(plain, (batch for batch in _converted(batches, conversions, plain) if batch.num_rows), source)


def _converted(
    batches: Iterator[pa.RecordBatch], conversions: Sequence[Conversion], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield convert_batch(batch, conversions, schema)


def _conversion(kind: pa.DataType) -> Conversion:
    """Return the conversion to the type that other sources give: moments in UTC, times to the microsecond."""
    wanted = kind
    if pa.types.is_timestamp(kind):
        wanted = _UTC if kind.tz else _MICROSECONDS
    elif pa.types.is_time(kind):
        wanted = pa.time64("us")
    elif pa.types.is_large_string(kind) or pa.types.is_null(kind):
        wanted = pa.string()
    elif pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        wanted = pa.binary()
    # A seventh digit of a second is cut off, as everywhere.
    return Conversion(kind) if wanted == kind else Conversion(wanted, lambda array: array.cast(wanted, safe=False))
