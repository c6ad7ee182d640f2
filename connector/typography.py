"""Write the separators, digits and plus signs of other scripts in ASCII, and find where they stand in a number."""

from collections.abc import Iterable, Sequence

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
"""Code points and what they mean in a number, one character each."""

_INVISIBLE = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x20E3, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFFC),
)
INVISIBLE = "".join(map(chr, _INVISIBLE))
"""Characters that are not seen between two digits."""

_UNUSUAL = sorted({*IN_ASCII, *_INVISIBLE})


def _encoded(points: Iterable[int]) -> bytes:
    """Make a pattern of the bytes of these characters in UTF-8."""
    lasts: dict[bytes, bytes] = {}
    for point in points:
        written = chr(point).encode()
        lasts[written[:-1]] = lasts.get(written[:-1], b"") + written[-1:]
    return b"(?:" + b"|".join(first + b"[" + last + b"]" for first, last in lasts.items()) + b")"


_BEGINNINGS = [*_DIGITS, *_PLUSES, 0xFF08]
_BLOCKS = "\xa0-\xbf\u034f\u0600-\u06ff\u0900-\u0e5f\u115f-\u180f\u2000-\u22ff\u3000\u30fb\u3164\ufe00-\uffff"
UNUSUAL_NUMBER = f"[0-9+()][{_BLOCKS}]|[{_BLOCKS}][0-9(]|[\u207a\ufe62\uff0b\uff10-\uff19]"
"""Where a number may hold one of the characters; few ranges, as each slice compiles it; RE2 and Python `re` alike."""
UNUSUAL_NUMBER_IN_BYTES = (
    b"(?:[0-9+()]|" + _encoded(_BEGINNINGS) + b")" + _encoded(_UNUSUAL) + b"|" + _encoded(_UNUSUAL) + b"[0-9(]"
)
"""A digit, plus sign or bracket beside one of the characters, in UTF-8."""


def in_ascii(text: str) -> tuple[str, Sequence[int]]:
    """Write `text` as a number is written in ASCII, without invisible characters.

    Character `i` of the result stands in `text` from the i-th offset to the next one.
    """
    offsets = [place for place, character in enumerate(text) if character not in INVISIBLE]
    return "".join(text[place] for place in offsets).translate(IN_ASCII), [*offsets, len(text)]
