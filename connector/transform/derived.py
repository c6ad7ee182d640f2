"""Derive the columns that a query reads outside of SQL, where they would cost several times as much."""

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from connector.transform.international import international, north_american
from connector.transform.sql.text import CONTROL_SIGN, DIALLED_SIGN, HIDDEN_SIGN, SPACED_SIGN, is_text
from connector.transform.texts import in_memory

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


_DELETE = 0x7F
"""A control itself; what follows are bytes beyond ASCII, of which some are parts of controls."""
_DIALLED, _SPACED = (b"@", b"%", b"+", b"#", b"\\"), (b"-", b"(", b".")


def signs_of(values: pa.Array) -> int:
    """Return which signs of addresses and phone numbers may stand in these values, be they texts or nested."""
    found = 0
    for written in _written(values):
        found |= _signs_in(written)
    return found


def _signs_in(written: bytes) -> int:
    dialled = not written.isascii() or any(sign in written for sign in _DIALLED)
    spaced = any(sign in written for sign in _SPACED)
    found = np.frombuffer(written, np.uint8)
    controls = bool(len(found)) and bool(found.min() < ord(" ") or found.max() >= _DELETE)
    signs = dialled * DIALLED_SIGN | _is_hidden(written) * HIDDEN_SIGN | spaced * SPACED_SIGN
    return signs | controls * CONTROL_SIGN


def _is_hidden(written: bytes) -> bool:
    """Return whether a sign may be written in brackets, or by its name."""
    if b"[" in written or (b";" in written and b"&" in written):
        return True
    found = np.frombuffer(written, np.uint8)
    at = np.flatnonzero(found == ord(")"))
    return bool((found[at - 1] | 0x20 == ord("t")).any())


def _written(array: pa.Array) -> Iterator[bytes]:
    """Yield the bytes of all texts in an array, with the names of its fields; those of others do no harm."""
    kind = array.type
    if is_text(kind):
        bounds, found = in_memory(array.cast(pa.string()))
        yield bytes(found[bounds[0] : bounds[-1]])
    elif pa.types.is_struct(kind):
        for number, field in enumerate(kind):
            yield field.name.encode()
            yield from _written(array.field(number))
    elif pa.types.is_map(kind):
        yield from _written(array.keys)
        yield from _written(array.items)
    elif pa.types.is_nested(kind):
        yield from _written(array.values)
