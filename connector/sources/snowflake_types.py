"""Snowflake's types as Arrow's."""

import pyarrow as pa
from snowflake.connector.cursor import ResultMetadata

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
"""By Snowflake's name; others are text, as VARIANT, OBJECT and ARRAY are: JSON."""
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


def _type(column: ResultMetadata) -> pa.DataType:
    name = _NAMES.get(column.type_code, "")
    if name == "FIXED":
        digits, scale = column.precision or 38, column.scale or 0
        return pa.int64() if not scale and digits <= _INT64_DIGITS else pa.decimal128(38, scale)
    return _TYPES.get(name, pa.string())
