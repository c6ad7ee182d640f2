"""The columns of Iceberg tables."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connector.files.tables.snapshot import ColumnKey, KeyReader, TableColumn, unsupported_type

_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamptz_ns": pa.timestamp("ns", "UTC"),
    "string": pa.string(),
    "uuid": pa.string(),
    "binary": pa.binary(),
    "unknown": pa.null(),
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_FIXED = re.compile(r"fixed\[(\d+)\]")


def columns_of(schema: Mapping[str, Any], table: str) -> list[TableColumn]:
    """Return the columns of a schema as the metadata writes it. Raises FileRefused for a type that is not read."""
    return [_column(field, table) for field in schema["fields"]]


def _column(field: Mapping[str, Any], table: str, within: str = "") -> TableColumn:
    children, kind = _type(field["type"], within + field["name"], table)
    default = field.get("initial-default")
    return TableColumn(
        field["name"], int(field["id"]), kind, children, None if default is None else _read(default, kind)
    )


def _type(kind: Any, name: str, table: str) -> tuple[tuple[TableColumn, ...], pa.DataType]:
    if isinstance(kind, str):
        return (), _plain_type(kind, name, table)
    if kind["type"] == "struct":
        fields = tuple(_column(field, table, f"{name}.") for field in kind["fields"])
        return fields, pa.struct([(field.name, field.type) for field in fields])
    parts = ("element",) if kind["type"] == "list" else ("key", "value")
    children = tuple(_unnamed(kind[part], kind[f"{part}-id"], name, table) for part in parts)
    types = [child.type for child in children]
    return children, pa.list_(types[0]) if len(types) == 1 else pa.map_(*types)


def _unnamed(kind: Any, number: int, name: str, table: str) -> TableColumn:
    children, own = _type(kind, name, table)
    return TableColumn("", number, own, children)


def _plain_type(kind: str, name: str, table: str) -> pa.DataType:
    if match := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := _FIXED.fullmatch(kind):
        return pa.binary(int(match[1]))
    if kind not in _TYPES:
        raise unsupported_type(table, name, kind)
    return _TYPES[kind]


def _read(default: Any, kind: pa.DataType) -> pa.Scalar:
    """Return a default value as JSON has it: numbers, and texts of decimals, dates and times."""
    if pa.types.is_decimal(kind):
        return pa.scalar(Decimal(str(default)), kind)
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.scalar(bytes.fromhex(default), kind)
    return pa.scalar(default).cast(kind)


def constant(kind: pa.DataType, value: Any) -> pa.Scalar | None:
    """Return a partition's value, as a manifest has it, of its column's type."""
    if value is None:
        return None
    if pa.types.is_date32(kind):
        return pa.scalar(value, pa.int32()).cast(kind) if isinstance(value, int) else pa.scalar(value, kind)
    if pa.types.is_temporal(kind):
        return pa.scalar(value, pa.int64()).cast(kind) if isinstance(value, int) else pa.scalar(value, kind)
    return pa.scalar(str(value) if pa.types.is_string(kind) else value, kind)


class NameMapping:
    """Implements `KeyReader` for files without numbers, by the names that the table maps to them."""

    def __init__(self, fields: Sequence[Mapping[str, Any]]) -> None:
        self._fields = {name: field for field in fields for name in field["names"]}

    def key(self, column: pa.Field) -> ColumnKey | None:
        """See `KeyReader.key`."""
        return self._fields.get(column.name, {}).get("field-id")

    def below(self, column: pa.Field, role: str = "") -> KeyReader:
        """See `KeyReader.below`."""
        return NameMapping(self._fields.get(role or column.name, {}).get("fields", ()))
