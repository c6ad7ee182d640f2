"""Conversion of BigQuery's types to plain Arrow types."""

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud.bigquery import SchemaField

from connector.sources.array_conversion import Conversion, list_conversion, struct_conversion
from connector.sources.json_text import JSON

_UTC = pa.timestamp("us", "UTC")
_TYPES = {
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": _UTC,
    "TIME": pa.time64("us"),
    "BYTES": pa.binary(),
    "INTERVAL": pa.month_day_nano_interval(),
}
"""By the name of the REST interface; other types are text."""
_OTHER_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


def column_conversions(fields: list[SchemaField]) -> list[Conversion]:
    """Return the conversion of each column; its `kind` is the type to which it converts."""
    return [_fitted(_conversion(field)) for field in fields]


def result_schema(fields: list[SchemaField]) -> pa.Schema:
    """Return the columns of a result."""
    kinds = zip(fields, column_conversions(fields), strict=True)
    return pa.schema([(field.name, conversion.kind) for field, conversion in kinds])


def _fitted(conversion: Conversion) -> Conversion:
    """Return a conversion to exactly its type: within lists, names and nullability may differ."""

    def convert(array: pa.Array) -> pa.Array:
        converted = conversion(array)
        return converted if converted.type == conversion.kind else converted.cast(conversion.kind)

    return Conversion(conversion.kind, convert)


def _conversion(field: SchemaField) -> Conversion:
    inner = _value_conversion(field)
    return list_conversion(pa.list_(inner.kind), inner) if field.mode == "REPEATED" else inner


def _value_conversion(field: SchemaField) -> Conversion:
    name = _OTHER_NAMES.get(field.field_type, field.field_type)
    if name == "RECORD":
        children = [_conversion(child) for child in field.fields]
        kind = pa.struct([(one.name, child.kind) for one, child in zip(field.fields, children, strict=True)])
        return struct_conversion(kind, children)
    if name == "JSON":
        return JSON
    if name == "BIGNUMERIC":
        return Conversion(pa.string(), _decimal_texts)
    if name == "RANGE" and field.range_element_type:
        element = _TYPES[field.range_element_type.element_type]
        return Conversion(pa.struct([("start", element), ("end", element)]))
    return Conversion(_TYPES.get(name, pa.string()))


def _decimal_texts(array: pa.Array) -> pa.Array:
    """Write decimals of 76 digits as text, without exponent and trailing zeros: the engine has 38 digits."""
    texts = array.cast(pa.string())
    if pc.any(pc.match_substring(texts, "E")).as_py():
        texts = pa.array([None if value is None else f"{value:f}" for value in array.to_pylist()], pa.string())
    return pc.replace_substring_regex(texts, r"\.?0*$", "")
