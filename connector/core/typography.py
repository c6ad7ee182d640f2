"""Convert the separators, digits and signs of other scripts to ASCII, and keep their offsets."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from unicodedata import decimal, normalize

_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10)
_SPACES = (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_HYPHENS = (*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63, 0xFF0D)
_STOPS = (0xB7, 0x2022, 0x2024, 0x2219, 0x22C5, 0x30FB, 0xFF0E)
_SLASHES = (0x2044, 0x2215, 0xFF0F)
_PLUSES = (0x207A, 0xFE62, 0xFF0B)
_DIGITS = {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)}
IN_ASCII = (
    _DIGITS
    | dict.fromkeys(_SPACES, " ")
    | dict.fromkeys(_HYPHENS, "-")
    | dict.fromkeys(_STOPS, ".")
    | dict.fromkeys(_SLASHES, "/")
    | dict.fromkeys(_PLUSES, "+")
    | {0xFF08: "(", 0xFF09: ")", 0xFF3F: "_"}
)
"""The ASCII character that each code point stands for in a number."""

_INVISIBLE = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x20E3, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFFC),
    *range(0xE0000, 0xE01F0),
)
INVISIBLE = "".join(map(chr, _INVISIBLE))
"""Characters that are invisible between two digits."""

CONTROLS = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\x80-\x9f]"
"""Invisible control characters; not tabs and line ends, which separate values. Valid for RE2 too."""
_CONTROL = re.compile(CONTROLS)
_HIDING = frozenset(chr(code) for code in range(0xA0) if _CONTROL.match(chr(code)))

_UNUSUAL = sorted({*IN_ASCII, *_INVISIBLE})


def _encoded(points: Iterable[int]) -> bytes:
    """Return a pattern for the UTF-8 bytes of these characters."""
    lasts: dict[bytes, bytes] = {}
    for point in points:
        written = chr(point).encode()
        lasts[written[:-1]] = lasts.get(written[:-1], b"") + written[-1:]
    return b"(?:" + b"|".join(first + b"[" + last + b"]" for first, last in lasts.items()) + b")"


_BEGINNINGS = [*_DIGITS, *_PLUSES, 0xFF08]
_BLOCKS = (
    "\xa0-\xbf\u034f\u0600-\u06ff\u0900-\u0e5f\u115f-\u180f\u2000-\u22ff\u3000\u30fb\u3164\ufe00-\uffff"
    "\U0001d7ce-\U0001d7ff\U000e0000-\U000e01ef"
)
_AT_SIGNS, _BRACKETS, _LETTERS_A = "\uff20\ufe6b", "\uff08\uff3b\uff5b\ufe59\ufe5b", "\uff21\uff41"
UNUSUAL = (
    f"[0-9+()][{_BLOCKS}]|[{_BLOCKS}][0-9(]|[+][^\\x00-\\x7f]|[\u207a\ufe62\uff0b\uff10-\uff19\U0001d7ce-\U0001d7ff]"
    f"|[{_AT_SIGNS}]|[{_BRACKETS}] ?[aA{_LETTERS_A}]"
)
"""A number or an at sign beyond ASCII, as few ranges, because each slice compiles them. Valid for RE2 too."""
UNUSUAL_IN_BYTES = b"|".join(
    (
        b"(?:[0-9+()]|" + _encoded(_BEGINNINGS) + b")" + _encoded(_UNUSUAL),
        _encoded(_UNUSUAL) + b"[0-9(]",
        rb"[+][\x80-\xff]",
        _encoded(map(ord, _AT_SIGNS)),
        _encoded(map(ord, _BRACKETS)) + b" ?(?:[aA]|" + _encoded(map(ord, _LETTERS_A)) + b")",
    )
)
"""The pattern UNUSUAL over UTF-8 bytes."""

Offsets = Sequence[int]


def in_ascii(text: str) -> tuple[str, Offsets]:
    """Convert `text` to the ASCII form of a number, without invisible characters.

    Character `i` of the result comes from the characters of `text` between the i-th offset and the next one.
    """
    return _replace_each(text, range(len(text) + 1), _in_number)


def fold(text: str, offsets: Offsets) -> tuple[str, Offsets]:
    """Convert the letters, digits and signs of `text` to their usual form (NFKC), without invisible characters.

    `offsets` are those of the characters of `text`; the result has an offset for each of its own. Full stops of other
    scripts stay, unless an ASCII letter or digit follows.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text, offsets
    folded, new_offsets = _replace_each(_FULL_STOP.sub(".", text), offsets, _in_address)
    return (text, offsets) if folded == text else (folded, new_offsets)


_FULL_STOP = re.compile(r"[\u3002\uff61](?=[A-Za-z0-9])")
_OTHER_STOPS = {chr(code) for code in (*_STOPS, 0x3002, 0xFF61)} - {"\u2024", "\uff0e"}


def _replace_each(text: str, offsets: Offsets, meaning: Callable[[str], str]) -> tuple[str, Offsets]:
    parts: list[str] = []
    new_offsets: list[int] = []
    for index, character in enumerate(text):
        part = character if character < "\x7f" and character not in _HIDING else meaning(character)
        parts.append(part)
        new_offsets += [offsets[index]] * len(part)
    return "".join(parts), [*new_offsets, offsets[len(text)]]


@lru_cache(8_192)
def _in_number(character: str) -> str:
    if character in INVISIBLE or character in _HIDING:
        return ""
    digit = decimal(character, None)
    return IN_ASCII.get(ord(character)) or (normalize("NFKC", character) if digit is None else str(digit))


@lru_cache(8_192)
def _in_address(character: str) -> str:
    return character if character in _OTHER_STOPS else _in_number(character)
