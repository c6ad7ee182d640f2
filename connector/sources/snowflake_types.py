"""Snowflake's types as Arrow's."""

import pyarrow as pa
from snowflake.connector.cursor import ResultMetadata

from connector.errors import SourceError
from connector.sources.conversion import Conversion
from connector.sources.json_text import JSON

_UTC = pa.timestamp("us", "UTC")
_MICROSECONDS = pa.timestamp("us")
_TYPES = {
    "REAL": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": _MICROSECONDS,
    "TIMESTAMP_NTZ": _MICROSECONDS,
    "TIMESTAMP_LTZ": _UTC,
    "TIMESTAMP_TZ": _UTC,
    "TIME": pa.time64("us"),
    "BOOLEAN": pa.bool_(),
    "BINARY": pa.binary(),
}
"""By Snowflake's name; others are text."""
_JSON_TYPES = frozenset({5, 9, 10})
"""VARIANT, OBJECT and ARRAY come as JSON."""
_NAMES = {
    0: "FIXED",
    1: "REAL",
    3: "DATE",
    4: "TIMESTAMP",
    6: "TIMESTAMP_LTZ",
    7: "TIMESTAMP_TZ",
    8: "TIMESTAMP_NTZ",
    11: "BINARY",
    12: "TIME",
    13: "BOOLEAN",
}
"""By the number that DB API 2.0's description has for them."""
_INT64_DIGITS = 18


def schema_of(description: list[ResultMetadata]) -> pa.Schema:
    """The columns of a result, the same whichever integers a chunk has room for."""
    return pa.schema([(column.name, _type(column)) for column in description])


def conversions_of(description: list[ResultMetadata], schema: pa.Schema) -> list[Conversion]:
    """What becomes of each column: each chunk has the smallest integers that hold its values, and JSON is its text."""
    columns = zip(description, schema, strict=True)
    return [JSON if column.type_code in _JSON_TYPES else _cast(field) for column, field in columns]


def _cast(field: pa.Field) -> Conversion:
    def convert(array: pa.Array) -> pa.Array:
        try:
            return array if array.type == field.type else array.cast(field.type)
        except pa.ArrowException:
            raise SourceError(
                f'The column "{field.name}" comes as {array.type}, which cannot be read as {field.type}: cast it to '
                "VARCHAR in the query."
            ) from None

    return Conversion(field.type, convert)


def _type(column: ResultMetadata) -> pa.DataType:
    name = _NAMES.get(column.type_code, "")
    if name == "FIXED":
        digits, scale = column.precision or 38, column.scale or 0
        return pa.int64() if not scale and digits <= _INT64_DIGITS else pa.decimal128(38, scale)
    return _TYPES.get(name, pa.string())
