"""Derive the columns that a query reads outside of SQL, where they would cost several times as much."""

import re
from collections.abc import Callable, Mapping

import pyarrow as pa

from connector.transform.international import international, north_american
from connector.transform.signs import signs_of

_DERIVED = re.compile(r"\b(c[0-9]+)(_signs|_number|_national)\b")


def signs_column(column: str) -> str:
    """Name the column that has the signs of addresses and numbers in a column of texts; one value for all rows."""
    return f"{column}_signs"


def number_column(column: str) -> str:
    """Name the column that has the E.164 form of the phone numbers in a column of texts; NULL where it is not clear."""
    return f"{column}_number"


def national_column(column: str) -> str:
    """Name the column that has the E.164 form of the North American numbers in a column, with a 1 or without."""
    return f"{column}_national"


def derived_in(sql: str) -> Mapping[str, tuple[str, str]]:
    """Return the derived columns that a query reads: the column, and the kind of derivation."""
    return {match[0]: (match[1], match[2]) for match in _DERIVED.finditer(sql)}


def with_derived(table: pa.Table, wanted: Mapping[str, tuple[str, str]]) -> pa.Table:
    """Append derived columns to a table."""
    for name, (column, kind) in wanted.items():
        table = table.append_column(name, _MADE[kind](table[column].combine_chunks()))
    return table


def _signs(values: pa.Array) -> pa.Array:
    return pa.repeat(pa.scalar(signs_of(values), pa.uint8()), len(values))


def _international(numbers: pa.Array) -> pa.Array:
    return international(numbers) if pa.types.is_string(numbers.type) else pa.nulls(len(numbers), pa.string())


def _national(numbers: pa.Array) -> pa.Array:
    return north_american(numbers.cast(pa.string()))


_MADE: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "_signs": _signs,
    "_number": _international,
    "_national": _national,
}
