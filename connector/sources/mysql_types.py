"""Conversion of MySQL's types, whose values the server sends as text, to Arrow types."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.constants import FIELD_TYPE, FLAG

from connector.errors import SourceError
from connector.sources.array_conversion import Conversion
from connector.sources.json_text import JSON

_BINARY_CHARSET = 63
_MAX_DIGITS = 38
_INTEGERS = frozenset(
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR}
)
_MOMENT, _UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")
_FLAGS = pa.array([0, 1, None], pa.int16())
_TEXT_CODES = frozenset({FIELD_TYPE.TIME, FIELD_TYPE.NULL})
"""Types that the server sends as plain text, in the character set of binary values."""


class Column(Protocol):
    """A column of a result, as the server describes it."""

    name: str
    type_code: int
    charsetnr: int
    length: int
    """The characters of the longest value."""
    scale: int
    flags: int


def result_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the columns of a result."""
    return pa.schema([(column.name, column_conversion(column).kind) for column in columns])


def column_conversion(column: Column) -> Conversion:
    """Return the conversion of a column's bytes to its type."""
    code = column.type_code
    if code == FIELD_TYPE.TINY and column.length == 1:
        return Conversion(pa.bool_(), _flag_reader(column.name))
    if code in _INTEGERS:
        is_large = code == FIELD_TYPE.LONGLONG and column.flags & FLAG.UNSIGNED
        return _text_conversion(pa.uint64() if is_large else pa.int64())
    if code in _BY_CODE:
        return _BY_CODE[code](column)
    if column.charsetnr == _BINARY_CHARSET and code not in _TEXT_CODES:
        return Conversion(pa.binary())
    return _text_conversion(pa.string())


def _text_conversion(kind: pa.DataType) -> Conversion:
    return Conversion(kind, lambda array: array.cast(pa.string()).cast(kind))


def _decimal_conversion(column: Column) -> Conversion:
    """Return a decimal with the column's places; text for more digits than a decimal of Arrow can have."""
    signs = (0 if column.flags & FLAG.UNSIGNED else 1) + (1 if column.scale else 0)
    is_wide = column.length - signs > _MAX_DIGITS or column.scale > _MAX_DIGITS
    return _text_conversion(pa.string() if is_wide else pa.decimal128(_MAX_DIGITS, column.scale))


def _flag_reader(name: str) -> Callable[[pa.Array], pa.Array]:
    """Return a converter of TINYINT(1), which BOOLEAN is in MySQL."""

    def convert(array: pa.Array) -> pa.Array:
        numbers = array.cast(pa.string()).cast(pa.int16())
        if not pc.all(pc.is_in(numbers, _FLAGS)).as_py():
            raise SourceError(
                f'The column "{name}" is a TINYINT(1), which is read as true or false, and has other numbers than 0 '
                f"and 1: write {name} + 0 in the query."
            )
        return numbers.cast(pa.bool_())

    return convert


def _bit_conversion(column: Column) -> Conversion:
    """Return the conversion of bits, which come as bytes: one as true or false, several as a number."""

    def convert(array: pa.Array) -> pa.Array:
        numbers = [None if value is None else int.from_bytes(value) for value in array.to_pylist()]
        return pa.array(numbers, pa.uint64()).cast(kind)

    kind = pa.bool_() if column.length == 1 else pa.uint64()
    return Conversion(kind, convert)


def _time_conversion(kind: pa.DataType, parse: Callable[[str], object]) -> Conversion:
    """Return a conversion in which a day that does not exist, such as 0000-00-00, becomes a missing value."""

    def existing(text: str | None) -> object:
        try:
            return None if text is None else parse(text)
        except ValueError:
            return None

    def convert(array: pa.Array) -> pa.Array:
        texts = array.cast(pa.string())
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            return pa.array([existing(text) for text in texts.to_pylist()], kind)

    return Conversion(kind, convert)


_MOMENTS = _time_conversion(_MOMENT, datetime.fromisoformat)
_UTC_MOMENTS = Conversion(_UTC, lambda array: _MOMENTS(array).cast(_UTC))
_DAYS = _time_conversion(pa.date32(), date.fromisoformat)
_BY_CODE: Mapping[int, Callable[[Column], Conversion]] = {
    FIELD_TYPE.DECIMAL: _decimal_conversion,
    FIELD_TYPE.NEWDECIMAL: _decimal_conversion,
    FIELD_TYPE.FLOAT: lambda _: _text_conversion(pa.float32()),
    FIELD_TYPE.DOUBLE: lambda _: _text_conversion(pa.float64()),
    FIELD_TYPE.BIT: _bit_conversion,
    FIELD_TYPE.DATE: lambda _: _DAYS,
    FIELD_TYPE.NEWDATE: lambda _: _DAYS,
    FIELD_TYPE.DATETIME: lambda _: _MOMENTS,
    FIELD_TYPE.TIMESTAMP: lambda _: _UTC_MOMENTS,
    FIELD_TYPE.JSON: lambda _: Conversion(pa.string(), lambda array: JSON(array.cast(pa.string()))),
}
