"""Read amounts and quantities as decimals with six places, rounded half up, never as binary floats.

A number is read twice: as NARROW, whose arithmetic is twenty times as fast, and only where it does not fit
as WIDE. Each pair of columns is called `x` and `x_wide`.
"""

import pyarrow as pa

from connector.transform.sql.text import is_text, number_text

_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
NARROW = "DECIMAL(18, 6)"
WIDE = "DECIMAL(38, 6)"
_SMALL_PRICE, _SMALL_QUANTITY = 9_999, 99
"""Up to these, price x quantity can be multiplied as NARROW: the product has eighteen digits, twelve of them places."""


def narrow(column: str, kind: pa.DataType) -> str:
    """Read `column` (stripped, if it is text) as NARROW; NULL for anything but a number that fits."""
    return _read(column, kind, NARROW)


def wide(column: str, kind: pa.DataType, narrow_column: str) -> str:
    """Read `column` as WIDE if it does not fit `narrow_column`; NULL for anything but a number."""
    return f"CASE WHEN {narrow_column} IS NULL THEN {_read(column, kind, WIDE)} END"


def either(column: str) -> str:
    """Return the number of a pair of columns, as WIDE."""
    return f"coalesce({column}::{WIDE}, {column}_wide)"


def is_negative(column: str, kind: pa.DataType) -> str:
    """Return whether `column` is a number below zero, even one that rounds to zero."""
    if is_text(kind):
        return f"({column} < '.' AND regexp_matches({column}, '^-[0.]*[1-9]'))"
    return f"{column} < 0"


def is_bad(given: str, column: str, negative: str, limit: int | None) -> str:
    """Return whether a given value is no number, negative, or at least `limit`."""
    too_large = f"abs({column}_wide) >= {limit}" if limit else "false"
    return (
        f"({given} IS NOT NULL AND ({negative} OR CASE WHEN {column} IS NULL"
        f" THEN {column}_wide IS NULL OR {too_large} ELSE false END))"
    )


def product(price: str, quantity: str) -> str:
    """Return price x quantity, exact before it is rounded half up; NULL if one is missing."""
    exact = f"(try_cast({either(price)} AS DECIMAL(20, 6)) * try_cast({either(quantity)} AS DECIMAL(18, 6)))"
    small = f"{price} BETWEEN 0 AND {_SMALL_PRICE} AND {quantity} BETWEEN 0 AND {_SMALL_QUANTITY}"
    return f"(CASE WHEN {small} THEN ({price} * {quantity})::{WIDE} ELSE {exact}::{WIDE} END)"


def json_number(column: str) -> str:
    """Return the number of a pair of columns as JSON. Most have at most two places, which a division shows."""
    return (
        f"CASE WHEN {column} % 1 = 0 THEN {column}::BIGINT::VARCHAR"
        f" WHEN {column} % 0.1 = 0 THEN {column}::DECIMAL(18, 1)::VARCHAR"
        f" WHEN {column} % 0.01 = 0 THEN {column}::DECIMAL(18, 2)::VARCHAR"
        f" ELSE {number_text(f'coalesce({column}::{WIDE}, {column}_wide)')} END"
    )


def _read(column: str, kind: pa.DataType, wanted: str) -> str:
    if is_text(kind):
        return f"CASE WHEN regexp_full_match({column}, '{_NUMBER}') THEN try_cast({column} AS {wanted}) END"
    if pa.types.is_floating(kind):
        return f"CASE WHEN isfinite({column}) THEN try_cast({column}::VARCHAR AS {wanted}) END"
    return f"try_cast({column} AS {wanted})"
