"""Detect by its bytes what a column of texts cannot contain, so that most texts need not be searched."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from connector.transform.sql.text import CONTROL_SIGN, DIALLED_SIGN, HIDDEN_SIGN, SPACED_SIGN, is_text
from connector.transform.texts import in_memory

_DELETE = 0x7F
"""A control itself; what follows are bytes beyond ASCII, of which some are parts of controls."""
_DIALLED, _SPACED = (b"@", b"%", b"+", b"#", b"\\"), (b"-", b"(", b".")


def signs_of(values: pa.Array) -> int:
    """Return which signs of addresses and phone numbers may stand in these values, be they texts or nested."""
    found = 0
    for written in _written(values):
        found |= _signs(written)
    return found


def _signs(written: bytes) -> int:
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
