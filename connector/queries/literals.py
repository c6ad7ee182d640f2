"""SQL literals of values, and quoted identifiers."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import GeneratorType

from connector.core.dialects import Dialect


class LiteralError(ValueError):
    """The value has no SQL literal; the message is the end of a sentence."""


class SqlText(str):
    """Text that is SQL already: a macro's output, a quoted name. Its methods return ordinary text."""

    __slots__ = ()

    def __str__(self) -> str:
        # Joining texts calls this; the result would be treated as a value, and quoted as a whole.
        raise LiteralError("joins SQL with text; write them one after the other, as {{ a }}.{{ b }}")

    def strip(self, chars: str | None = None) -> "SqlText":
        """Return the SQL without white space at its ends."""
        return SqlText(super().strip(chars))

    def text(self) -> str:
        """Return the SQL as ordinary text."""
        return str.__str__(self)


def literal(value: object, dialect: Dialect) -> str:
    """Write a value as a literal that is safe at any position.

    Lists become `(1, 2)`. A datetime with a time zone is written in UTC, with its offset if the dialect has one.
    Raises LiteralError: not finite, an empty list, text with a NUL, any other type.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return dialect.booleans[value]
    if isinstance(value, int | float | Decimal):
        return _number_literal(value)
    if isinstance(value, str):
        return _text_literal(str.__str__(value), dialect)
    if isinstance(value, date):
        return _time_literal(value, dialect)
    if isinstance(value, list | tuple | GeneratorType):
        return _list_literal(tuple(value), dialect)
    raise LiteralError("has no SQL literal: it must be text, a number, a date or a list")


def identifier(name: object, dialect: Dialect) -> SqlText:
    """Quote a name. Raises LiteralError for an invalid name."""
    if not isinstance(name, str) or isinstance(name, SqlText):
        raise LiteralError("is not text, so it cannot be a name")
    word = _check_text(str.__str__(name))
    if not word:
        raise LiteralError("is empty, so it cannot be a name")
    quote = dialect.name_quote
    if dialect.backslash is not False and "\\" in word:
        raise LiteralError("holds a backslash, so it cannot be a name")
    if dialect.name == "bigquery" and quote in word:
        raise LiteralError("holds a backtick, so it cannot be a name in BigQuery")
    return SqlText(f"{quote}{word.replace(quote, quote * 2)}{quote}")


def _number_literal(value: float | Decimal) -> str:
    """Write a number, negative ones in parentheses: after a minus sign they would begin a comment."""
    if not math.isfinite(value):
        raise LiteralError("is not a finite number")
    if isinstance(value, Decimal):
        text = f"{value:f}"
    elif isinstance(value, int):
        text = int.__repr__(value)
    else:
        text = float.__repr__(value)
        text = text if "e" in text else f"{text}e0"
    return f"({text})" if text.startswith("-") else text


def _text_literal(value: str, dialect: Dialect) -> str:
    if "\\" in _check_text(value):
        if dialect.backslash is None:
            raise LiteralError(f'holds a backslash, and how "{dialect.name}" reads one is not known; set dialect')
        value = value.replace("\\", "\\\\") if dialect.backslash else value
    value = value.replace("'", dialect.quote_in_text)
    if dialect.triple_quotes:
        value = value.replace("\n", "\\n").replace("\r", "\\r")
    return f"'{value}'"


def _check_text(value: str) -> str:
    if "\0" in value:
        raise LiteralError("holds a NUL character, which SQL text cannot have")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise LiteralError("holds half of a character (a lone surrogate)") from None
    return value


def _time_literal(value: date, dialect: Dialect) -> str:
    aware = isinstance(value, datetime) and value.utcoffset() is not None
    if isinstance(value, datetime):
        kind = "TIMESTAMP"
        text = (value.astimezone(UTC) if aware else value).replace(tzinfo=None).isoformat(" ")
    else:
        kind, text = "DATE", value.isoformat()
    if dialect.times == "text":
        return f"'{text}'"
    if dialect.times == "datetime64" and kind == "TIMESTAMP":
        zone = ", 'UTC'" if aware else ""
        return f"CAST('{text}' AS DateTime64(6{zone}))"
    if dialect.times == "utc":
        return f"{kind} '{text}'"
    text += "+00:00" if aware else ""
    if aware and dialect.zoned_type == "TIMESTAMP_TZ":
        return f"CAST('{text}' AS TIMESTAMP_TZ)"
    if dialect.times == "cast":
        kind = "DATETIMEOFFSET" if aware else "DATETIME2" if kind == "TIMESTAMP" else kind
        return f"CAST('{text}' AS {kind})"
    return f"{dialect.zoned_type if aware else kind} '{text}'"


def _list_literal(values: Sequence[object], dialect: Dialect) -> str:
    if not values:
        raise LiteralError("is an empty list, and IN () is not SQL; omit the condition with {% if %}")
    return f"({', '.join(literal(value, dialect) for value in values)})"
