"""Rows of Python values become Arrow columns, whose types the first rows decide."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connector.errors import SourceError

_MOST_DIGITS = 38
_TEXT = pa.string()
_TEXTS = pa.list_(pa.string())
_INTEGER = pa.decimal128(_MOST_DIGITS, 0)
_BYTES = frozenset({bytes, bytearray, memoryview})

_BY_PYTHON: tuple[tuple[frozenset[type], pa.DataType], ...] = (
    (frozenset({str}), _TEXT),
    (frozenset({bool}), pa.bool_()),
    (frozenset({int}), pa.int64()),
    (frozenset({int, float}), pa.float64()),
    (frozenset({int, Decimal}), _INTEGER),
    (frozenset({datetime}), pa.timestamp("us")),
    (frozenset({date}), pa.date32()),
    (frozenset({time}), pa.time64("us")),
    (frozenset({timedelta}), pa.duration("us")),
    (_BYTES, pa.binary()),
    (frozenset({list}), _TEXTS),
)
"""The type for columns that hold these of Python's types and no others; decimals and times are looked at further."""


class Columns:
    """The columns of one result. `description` is DB API 2.0's; `first` are its first rows, perhaps none.

    A column without a value in them has the type that the driver names, where it names one of Python's, else it is
    text: any value can become text without loss.
    """

    def __init__(self, description: Sequence[Sequence[Any]], first: Sequence[Sequence[Any]]) -> None:
        values = list(zip(*first, strict=True)) if first else [()] * len(description)
        fields = [(str(column[0]), _type_of(some, column[1])) for column, some in zip(description, values, strict=True)]
        self.schema = pa.schema([(name, kind) for name, (kind, _) in fields])
        self._taken = [taken for _, (_, taken) in fields]

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """These rows, one at least. Raises SourceError for a value that does not fit its column's type."""
        columns = zip(zip(*rows, strict=True), self.schema, self._taken, strict=True)
        return pa.RecordBatch.from_arrays([_array(*column) for column in columns], schema=self.schema)


def _type_of(values: Sequence[Any], described: object) -> tuple[pa.DataType, frozenset[type]]:
    """The type that holds all these values without loss, and of which of Python's types its values may be."""
    found = _kinds(values) or ({described} if isinstance(described, type) else set())
    for taken, kind in _BY_PYTHON:
        if found and found <= taken:
            exact = _exact(kind, values)
            return exact, frozenset() if exact == _TEXT else frozenset({int, Decimal}) if _is_decimal(exact) else taken
    return _TEXT, frozenset()


def _exact(kind: pa.DataType, values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    if kind == pa.int64():
        return kind if all(-(2**63) <= value < 2**63 for value in present) else _INTEGER
    if kind == pa.timestamp("us"):
        zoned = {value.tzinfo is not None for value in present}
        return _TEXT if len(zoned) > 1 else pa.timestamp("us", "UTC") if True in zoned else kind
    if kind == _TEXTS:
        return kind if all(_kinds(value) <= {str} for value in present) else _TEXT
    return _decimal([value for value in present if type(value) is Decimal]) if kind == _INTEGER else kind


def _decimal(values: Sequence[Decimal]) -> pa.DataType:
    """Room for every digit behind the point that these have; text where that, or NaN, has none."""
    if not all(value.is_finite() for value in values):
        return _TEXT
    found = pa.infer_type(values) if values else _INTEGER
    return pa.decimal128(_MOST_DIGITS, max(found.scale, 0)) if found.precision <= _MOST_DIGITS else _TEXT


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def _kinds(values: Sequence[Any]) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _array(values: Sequence[Any], field: pa.Field, taken: frozenset[type]) -> pa.Array:
    found = _kinds(values)
    try:
        if field.type == _TEXT and not found <= {str}:
            values = [None if value is None else _text(value) for value in values]
        elif taken and not found <= taken:
            raise _other_values(field)
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        raise _other_values(field) from None


def _other_values(field: pa.Field) -> SourceError:
    return SourceError(
        f'The column "{field.name}" begins with values of type {field.type}, and holds others further on: '
        "cast it to one type in the query."
    )


def _text(value: Any) -> str:
    return next((write(value) for kinds, write in _WRITTEN if isinstance(value, kinds)), None) or str(value)


_WRITTEN: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((bool,), lambda value: str(value).lower()),
    ((Decimal,), lambda value: f"{value:f}"),
    ((date, time), lambda value: value.isoformat()),
    ((dict, list, tuple), lambda value: json.dumps(value, ensure_ascii=False, default=_text)),
    (tuple(_BYTES), lambda value: bytes(value).hex()),
)
"""How values are written as text; others as Python writes them."""
