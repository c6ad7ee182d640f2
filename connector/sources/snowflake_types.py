"""Conversion of Snowflake's types to Arrow types."""

import pyarrow as pa
from snowflake.connector.cursor import ResultMetadata

from connector.errors import SourceError
from connector.sources.array_conversion import Conversion
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
"""By Snowflake's name; other types are text."""
_JSON_TYPES = frozenset({5, 9, 10})
"""VARIANT, OBJECT and ARRAY come as JSON."""
_TYPE_NAMES = {
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
"""By the type code of DB API 2.0's description."""
_INT64_DIGITS = 18


def result_schema(description: list[ResultMetadata]) -> pa.Schema:
    """Return the columns of a result, independent of the integers of each chunk."""
    return pa.schema([(column.name, _arrow_type(column)) for column in description])


def column_conversions(description: list[ResultMetadata], schema: pa.Schema) -> list[Conversion]:
    """Return the conversion of each column: chunks have the smallest integers that fit, and JSON is its text."""
    columns = zip(description, schema, strict=True)
    return [JSON if column.type_code in _JSON_TYPES else _cast_conversion(field) for column, field in columns]


def _cast_conversion(field: pa.Field) -> Conversion:
    def convert(array: pa.Array) -> pa.Array:
        try:
            return array if array.type == field.type else array.cast(field.type)
        except pa.ArrowException:
            raise SourceError(
                f'The column "{field.name}" comes as {array.type}, which cannot be read as {field.type}: cast it to '
                "VARCHAR in the query."
            ) from None

    return Conversion(field.type, convert)


def _arrow_type(column: ResultMetadata) -> pa.DataType:
    name = _TYPE_NAMES.get(column.type_code, "")
    if name == "FIXED":
        digits, scale = column.precision or 38, column.scale or 0
        return pa.int64() if not scale and digits <= _INT64_DIGITS else pa.decimal128(38, scale)
    return _TYPES.get(name, pa.string())
