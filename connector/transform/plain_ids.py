"""Detect by their bytes columns of ids that cannot identify a person, at a tenth of the cost in SQL."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.transform.texts import in_memory

_SHORTEST_NUMBER, _LONGEST_NUMBER = 8, 30
"""Characters of an id that can be a phone number."""
_SMALL = 10 ** (_SHORTEST_NUMBER - 1)
_T, _COLON = ord("t"), ord(":")

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


def is_plain(values: pa.Array) -> bool:
    """Return True if no id of a column can hold an address or be a phone number; False if one might.

    An id that is plain has letters, digits and a few signs, none of which encodes another character, and is neither
    as long as a number nor begins as one does.
    """
    if pa.types.is_integer(values.type):
        return _is_small(values)
    return pa.types.is_string(values.type) and _is_plain_text(values)


def _is_small(numbers: pa.Array) -> bool:
    ends = pc.min_max(numbers)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is None or (least > -_SMALL and most < _SMALL)


def _is_plain_text(texts: pa.StringArray) -> bool:
    bounds, data = in_memory(texts)
    characters = np.frombuffer(data, np.uint8)
    if not _harmless(characters[bounds[0] : bounds[-1]]).all():
        return False
    lengths = np.diff(bounds)
    long = np.flatnonzero((lengths >= _SHORTEST_NUMBER) & (lengths <= _LONGEST_NUMBER))
    starts = bounds[long]
    first = characters[starts]
    is_call = ((first | 0x20) == _T) & (characters[starts + 3] == _COLON)
    return not bool((is_call | (first <= _COLON)).any())


def _harmless(characters: Bytes) -> Flags:
    """Return a flag for each byte: true if it is a letter, a digit or one of `-./:#_`."""
    letters = (characters | 0x20) - ord("a") < 26
    signs = (characters - ord("-") < 14) | (characters == ord("_")) | (characters == ord("#"))
    return np.asarray(letters | signs)
