"""Remove invisible characters, such as control and format characters, that systems leave in texts."""

import re

INVISIBLE = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFD, 0xFFFD),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Unicode's categories Cc and Cf, its default ignorable code points, and U+FFFD, which stands for a lost character."""


def _class(ranges: tuple[tuple[int, int], ...]) -> str:
    return "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges) + "]"


def _without_white_space() -> tuple[tuple[int, int], ...]:
    controls = (code for first, last in INVISIBLE[:2] for code in range(first, last + 1))
    return (*((code, code) for code in controls if not chr(code).isspace()), *INVISIBLE[2:])


INVISIBLE_CLASS = _class(INVISIBLE)
"""The characters as an RE2 character class."""
INVISIBLE_BUT_SPACE_CLASS = _class(_without_white_space())
"""The same without line breaks and tabs, which separate one value from the next."""

_PYTHON_CLASS = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _without_white_space()) + "]")


def without_invisible(text: str) -> str:
    """Remove invisible characters from a text, but for those that are white space."""
    return _PYTHON_CLASS.sub("", text)
