"""Building of Arrow columns from rows of Python values; the first rows decide the types."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connector.errors import SourceError

_MAX_DIGITS = 38
_TEXT = pa.string()
_TEXT_LIST = pa.list_(pa.string())
_INTEGER = pa.decimal128(_MAX_DIGITS, 0)
_BYTES = frozenset({bytes, bytearray, memoryview})

_PYTHON_TYPES: tuple[tuple[frozenset[type], pa.DataType], ...] = (
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
    (frozenset({list}), _TEXT_LIST),
)
"""The type of columns with only these Python types; decimals and times are refined."""


class ColumnBuilder:
    """The columns of one result. `description` is DB API 2.0's; `first` are the first rows, perhaps none.

    A column without a value in them has the Python type that the driver names, if it names one, else it is text: any
    value can become text without loss.
    """

    def __init__(self, description: Sequence[Sequence[Any]], first: Sequence[Sequence[Any]]) -> None:
        values = list(zip(*first, strict=True)) if first else [()] * len(description)
        fields = [(str(column[0]), _type_of(some, column[1])) for column, some in zip(description, values, strict=True)]
        self.schema = pa.schema([(name, kind) for name, (kind, _) in fields])
        self._accepted = [accepted for _, (_, accepted) in fields]

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Build a batch from one or more rows. Raises SourceError for a value that does not fit its column's type."""
        columns = zip(zip(*rows, strict=True), self.schema, self._accepted, strict=True)
        return pa.RecordBatch.from_arrays([_build_array(*column) for column in columns], schema=self.schema)


def _type_of(values: Sequence[Any], declared: object) -> tuple[pa.DataType, frozenset[type]]:
    """Return the type that holds all these values without loss, and the accepted Python types."""
    python_types = _python_types(values) or ({declared} if isinstance(declared, type) else set())
    for accepted, arrow_type in _PYTHON_TYPES:
        if python_types and python_types <= accepted:
            exact = _exact_type(arrow_type, values)
            return exact, frozenset() if exact == _TEXT else frozenset({int, Decimal}) if _is_decimal(
                exact
            ) else accepted
    return _TEXT, frozenset()


def _exact_type(kind: pa.DataType, values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    if kind == pa.int64():
        return kind if all(-(2**63) <= value < 2**63 for value in present) else _INTEGER
    if kind == pa.timestamp("us"):
        zoned = {value.tzinfo is not None for value in present}
        return _TEXT if len(zoned) > 1 else pa.timestamp("us", "UTC") if True in zoned else kind
    if kind == _TEXT_LIST:
        return kind if all(_python_types(value) <= {str} for value in present) else _TEXT
    return _decimal_type([value for value in present if type(value) is Decimal]) if kind == _INTEGER else kind


def _decimal_type(values: Sequence[Decimal]) -> pa.DataType:
    """Return a type with room for every decimal place of the values; text if there is none, or for NaN."""
    if not all(value.is_finite() for value in values):
        return _TEXT
    inferred = pa.infer_type(values) if values else _INTEGER
    return pa.decimal128(_MAX_DIGITS, max(inferred.scale, 0)) if inferred.precision <= _MAX_DIGITS else _TEXT


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def _python_types(values: Sequence[Any]) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _build_array(values: Sequence[Any], field: pa.Field, accepted: frozenset[type]) -> pa.Array:
    python_types = _python_types(values)
    try:
        if field.type == _TEXT and not python_types <= {str}:
            values = [None if value is None else _to_text(value) for value in values]
        elif accepted and not python_types <= accepted:
            raise _mixed_types_error(field)
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        raise _mixed_types_error(field) from None


def _mixed_types_error(field: pa.Field) -> SourceError:
    return SourceError(
        f'The column "{field.name}" starts with values of type {field.type}, and holds others further on: '
        "cast it to one type in the query."
    )


def _to_text(value: Any) -> str:
    return next((write(value) for kinds, write in _TEXT_WRITERS if isinstance(value, kinds)), None) or str(value)


_TEXT_WRITERS: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((bool,), lambda value: str(value).lower()),
    ((Decimal,), lambda value: f"{value:f}"),
    ((date, time), lambda value: value.isoformat()),
    ((dict, list, tuple), lambda value: json.dumps(value, ensure_ascii=False, default=_to_text)),
    (tuple(_BYTES), lambda value: bytes(value).hex()),
)
"""Writers of values as text; other values are written by str()."""
