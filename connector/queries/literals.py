"""Values as SQL literals, and names as quoted identifiers."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import GeneratorType

from connector.dialects import Dialect


class Unwritable(ValueError):
    """The value has no SQL literal; the message is the end of a sentence."""


class Sql(str):
    """Text that is SQL already: a macro's output, a quoted name. What is done to it gives ordinary text."""

    __slots__ = ()

    def __str__(self) -> str:
        # What joins texts asks for this; the result would be taken for a value, and quoted as a whole.
        raise Unwritable("joins SQL with text; write them one after the other, as {{ a }}.{{ b }}")

    def strip(self, chars: str | None = None) -> "Sql":
        """Give the SQL without white space at its ends."""
        return Sql(super().strip(chars))

    def text(self) -> str:
        """Give the SQL as ordinary text."""
        return str.__str__(self)


def literal(value: object, dialect: Dialect) -> str:
    """Write a value as a literal that stays whole wherever it stands.

    Lists become `(1, 2)`. A datetime with a time zone is written in UTC, with its offset where the
    dialect has a place for it. Raises Unwritable: not finite, an empty list, text with a NUL, any other type.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return dialect.booleans[value]
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, str):
        return _text(str.__str__(value), dialect)
    if isinstance(value, date):
        return _time(value, dialect)
    if isinstance(value, list | tuple | GeneratorType):
        return _list(tuple(value), dialect)
    raise Unwritable("is no text, number, date or list, so there is no SQL literal for it")


def identifier(name: object, dialect: Dialect) -> Sql:
    """Quote a name. Raises Unwritable for what is no name."""
    if not isinstance(name, str) or isinstance(name, Sql):
        raise Unwritable("is no text, so it cannot be a name")
    word = _checked(str.__str__(name))
    if not word:
        raise Unwritable("is empty, so it cannot be a name")
    quote = dialect.name_quote
    if dialect.backslash is not False and "\\" in word:
        raise Unwritable("holds a backslash, so it cannot be a name")
    if dialect.name == "bigquery" and quote in word:
        raise Unwritable("holds a backtick, so it cannot be a name in BigQuery")
    return Sql(f"{quote}{word.replace(quote, quote * 2)}{quote}")


def _number(value: float | Decimal) -> str:
    """Negative numbers get parentheses: after a minus sign they would begin a comment."""
    if not math.isfinite(value):
        raise Unwritable("is not a finite number")
    if isinstance(value, Decimal):
        written = f"{value:f}"
    elif isinstance(value, int):
        written = int.__repr__(value)
    else:
        written = float.__repr__(value)
        written = written if "e" in written else f"{written}e0"
    return f"({written})" if written.startswith("-") else written


def _text(value: str, dialect: Dialect) -> str:
    if "\\" in _checked(value):
        if dialect.backslash is None:
            raise Unwritable(f'holds a backslash, and how "{dialect.name}" reads one is not known; set dialect')
        value = value.replace("\\", "\\\\") if dialect.backslash else value
    value = value.replace("'", dialect.quote_in_text)
    if dialect.triple_quotes:
        value = value.replace("\n", "\\n").replace("\r", "\\r")
    return f"'{value}'"


def _checked(value: str) -> str:
    if "\0" in value:
        raise Unwritable("holds a NUL character, which SQL text cannot have")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unwritable("holds half of a character (a lone surrogate)") from None
    return value


def _time(value: date, dialect: Dialect) -> str:
    aware = isinstance(value, datetime) and value.utcoffset() is not None
    if isinstance(value, datetime):
        kind = "TIMESTAMP"
        written = (value.astimezone(UTC) if aware else value).replace(tzinfo=None).isoformat(" ")
    else:
        kind, written = "DATE", value.isoformat()
    if dialect.times == "text":
        return f"'{written}'"
    written += "+00:00" if aware else ""
    if aware and dialect.moments == "TIMESTAMP_TZ":
        return f"CAST('{written}' AS TIMESTAMP_TZ)"
    if dialect.times == "cast":
        kind = "DATETIMEOFFSET" if aware else "DATETIME2" if kind == "TIMESTAMP" else kind
        return f"CAST('{written}' AS {kind})"
    return f"{dialect.moments if aware else kind} '{written}'"


def _list(values: Sequence[object], dialect: Dialect) -> str:
    if not values:
        raise Unwritable("is an empty list, and IN () is not SQL; leave the condition out with {% if %}")
    return f"({', '.join(literal(value, dialect) for value in values)})"
