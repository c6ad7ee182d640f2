"""Amounts and quantities: DECIMAL(38, 6), rounded half up, never a binary float."""

import pyarrow as pa

from connector.transform.sql.text import is_text

_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
AMOUNT = "DECIMAL(38, 6)"


def amount_of(column: str, kind: pa.DataType) -> str:
    """`column` (stripped, where it is text) as an amount; NULL for what is no number."""
    if is_text(kind):
        return f"CASE WHEN regexp_full_match({column}, '{_NUMBER}') THEN try_cast({column} AS {AMOUNT}) END"
    if pa.types.is_floating(kind):
        return f"CASE WHEN isfinite({column}) THEN try_cast({column}::VARCHAR AS {AMOUNT}) END"
    return f"try_cast({column} AS {AMOUNT})"


def is_negative(column: str, kind: pa.DataType) -> str:
    """Whether `column` says a number below zero, even one that rounds to zero."""
    if is_text(kind):
        return f"({column} < '.' AND regexp_matches({column}, '^-[0.]*[1-9]'))"
    return f"{column} < 0"


def is_bad(given: str, amount: str, negative: str, limit: int | None) -> str:
    """Whether something was given that is no number, negative, or `limit` and more."""
    too_large = f" OR {amount} >= {limit}" if limit else ""
    return f"({given} IS NOT NULL AND ({amount} IS NULL OR {negative}{too_large}))"


def product(price: str, quantity: str) -> str:
    """price x quantity, exact before it is rounded half up; the narrower types make room for it."""
    return f"(try_cast({price} AS DECIMAL(20, 6)) * try_cast({quantity} AS DECIMAL(18, 6)))::{AMOUNT}"
