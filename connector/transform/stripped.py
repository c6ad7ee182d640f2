"""Strip text, remove its invisible characters, and mark placeholders."""

from enum import Flag, auto

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.catalogue.vocabulary import PLACEHOLDERS
from connector.transform.invisible import INVISIBLE, INVISIBLE_BUT_SPACE_CLASS, INVISIBLE_CLASS
from connector.transform.packed import MARK
from connector.transform.sql.text import WHITE_SPACE, is_text
from connector.transform.texts import in_memory

Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


class Cleaning(Flag):
    """The cleaning of a column of text, besides stripping."""

    VISIBLE = auto()
    """Invisible characters are removed."""
    SEPARATED = auto()
    """Of those, line breaks and tabs stay: they separate values."""
    PLACEHOLDERS = auto()
    """Words that stand for nothing begin with MARK."""
    NUMBERS = auto()
    """Numbers of one repeated digit begin with MARK."""


NO_CLEANING = Cleaning(0)

_NOTHING, _NULL, _MARK = pa.scalar(""), pa.scalar(None, pa.string()), pa.scalar(MARK)
_WORDS, _LONGEST = pa.array(PLACEHOLDERS), max(map(len, PLACEHOLDERS))
_SAME_DIGIT = f"^[+(]?(?:[+ (]*1[ .()/-]*)?(?:{'|'.join(rf'(?:{digit}[ .()/-]*)+' for digit in range(10))})$"


def _table(codes: set[int]) -> Flags:
    table = np.zeros(256, np.bool_)
    table[sorted(codes)] = True
    return table


_FIRST_BYTES = _table({chr(code).encode()[0] for first, last in INVISIBLE for code in range(first, last + 1)})
_FIRST_OF_WORDS = _table({ord(one) for word in PLACEHOLDERS for one in (word[0], word[0].upper())})
_LAST_BYTES = _table({ord(one) for word in PLACEHOLDERS for one in (word[-1], word[-1].upper())})


def stripped(column: pa.ChunkedArray | pa.Array, cleaning: Cleaning = NO_CLEANING) -> pa.Array | pa.ChunkedArray:
    """Strip each text as `str.strip` does, and clean it; NULL where nothing is left. Lists of texts likewise.

    Columns of other types are returned as they are. Most columns are clean, which is seen by their bytes: in SQL it
    costs several times as much to find that out. Raises ArrowInvalid where texts, be they nested, are no UTF-8.
    """
    if _is_list(column.type) and is_text(column.type.value_type):
        return _each(column, cleaning)
    if not is_text(column.type):
        if pa.types.is_nested(column.type):
            column.validate(full=True)
        return column
    texts = _plain(column.cast(pa.string()))
    if not _is_ascii(texts):
        texts.validate(full=True)
    if cleaning & Cleaning.VISIBLE:
        texts = _visible(texts, cleaning)
    return _marked(_without_blank(_stripped(texts)), cleaning)


def _each(column: pa.ChunkedArray | pa.Array, cleaning: Cleaning) -> pa.Array:
    """Strip and clean each text of lists."""
    lists = _plain(column.cast(pa.list_(pa.string())))
    values = _plain(stripped(lists.values, cleaning))
    validity, offsets = lists.buffers()[:2]
    return pa.ListArray.from_buffers(
        lists.type, len(lists), [validity, offsets], offset=lists.offset, children=[values]
    )


def _visible(texts: pa.StringArray, cleaning: Cleaning) -> pa.StringArray:
    if _all_between(texts, " ") or not _FIRST_BYTES[_characters(texts)].any():
        return texts
    pattern = INVISIBLE_BUT_SPACE_CLASS if cleaning & Cleaning.SEPARATED else INVISIBLE_CLASS
    return pc.replace_substring_regex(texts, pattern, "")


def _stripped(texts: pa.StringArray) -> pa.StringArray:
    if _all_between(texts, "!"):
        return texts
    bounds, found = in_memory(texts)
    some, characters = np.flatnonzero(np.diff(bounds)), np.frombuffer(found, np.uint8)
    if (_printed(characters[bounds[some]]) & _printed(characters[bounds[some + 1] - 1])).all():
        return texts
    return pc.utf8_trim(texts, WHITE_SPACE)


def _without_blank(texts: pa.StringArray) -> pa.StringArray:
    """Replace empty texts by NULL."""
    blank = np.diff(in_memory(texts)[0]) == 0
    if texts.null_count and blank.any():
        blank &= np.asarray(texts.is_valid().to_numpy(zero_copy_only=False))
    return pc.if_else(pa.array(blank), _NULL, texts) if blank.any() else texts


def _is_ascii(texts: pa.StringArray) -> bool:
    found = _characters(texts)
    return not len(found) or bool(found.max() < 0x80)


def _characters(texts: pa.StringArray) -> Bytes:
    bounds, found = in_memory(texts)
    return np.frombuffer(found, np.uint8)[bounds[0] : bounds[-1]]


def _all_between(texts: pa.StringArray, lowest: str) -> bool:
    """Return whether all characters of the texts are printable ASCII from `lowest` on."""
    found = _characters(texts)
    return not len(found) or bool(found.min() >= ord(lowest) and found.max() <= ord("~"))


def _marked(texts: pa.StringArray, cleaning: Cleaning) -> pa.StringArray:
    positions = np.empty(0, np.int64)
    if cleaning & Cleaning.PLACEHOLDERS:
        positions = _placeholders(texts)
    if cleaning & Cleaning.NUMBERS:
        positions = np.union1d(positions, _repeated_digits(texts))
    if not len(positions):
        return texts
    marked = np.zeros(len(texts), np.bool_)
    marked[positions] = True
    return pc.if_else(pa.array(marked), pc.binary_join_element_wise(_MARK, texts, _NOTHING), texts)


def _placeholders(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Return the positions of placeholder words, searched among texts that start and end like them."""
    bounds, found = in_memory(texts)
    lengths, characters = np.diff(bounds), np.frombuffer(found, np.uint8)
    short = np.flatnonzero((lengths > 1) & (lengths <= _LONGEST))
    likely: npt.NDArray[np.int64] = short[_LAST_BYTES[characters[bounds[short + 1] - 1]]]
    likely = likely[_FIRST_OF_WORDS[characters[bounds[likely]]]]
    return likely[_are(pc.is_in(pc.utf8_lower(texts.take(pa.array(likely))), _WORDS))]


def _repeated_digits(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Return the positions of numbers of one repeated digit, searched among texts that end with it repeatedly."""
    bounds, found = in_memory(texts)
    characters = np.frombuffer(found, np.uint8)
    long = np.flatnonzero(np.diff(bounds) > 3)
    ends = bounds[long + 1]
    last, before = characters[ends - 1], characters[ends - 3]
    same = (last == characters[ends - 2]) & ((before == last) | ~_digit(before)) & _digit(last)
    likely: npt.NDArray[np.int64] = long[same]
    return likely[_are(pc.match_substring_regex(texts.take(pa.array(likely)), _SAME_DIGIT))]


def _are(found: pa.BooleanArray) -> Flags:
    return np.asarray(pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def _printed(found: Bytes) -> Flags:
    """Return which bytes are printable ASCII characters."""
    return found - ord("!") <= ord("~") - ord("!")


def _digit(found: Bytes) -> Flags:
    return found - ord("0") <= ord("9") - ord("0")


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
