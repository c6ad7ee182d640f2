"""Decode a text that was percent-encoded, or escaped for HTML or JSON, and keep the offset of each character."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from connector.typography import IN_ASCII, INVISIBLE

_ESCAPE = re.compile(
    r"(?P<wide>%(?:25)*(?:[Cc]2|[Dd][9Bb]|[Ee][0-9A-Fa-f]%(?:25)*[89ABab][0-9A-Fa-f])%(?:25)*[89ABab][0-9A-Fa-f])"
    r"|%(?:25)*(?P<byte>[0-9A-Fa-f]{2})"
    r"|&#0{0,9}(?P<decimal>[0-9]{1,7});?|&#[xX]0{0,9}(?P<hexadecimal>[0-9A-Fa-f]{1,6});?|(?P<ampersand>&amp;)"
    r"|\\+(?:u(?P<unicode>[0-9A-Fa-f]{4})|x(?P<short>[0-9A-Fa-f]{2})|(?P<control>[nrtbf]))"
    rf"|(?P<invisible>[{INVISIBLE}]+)"
)
_PERCENT = re.compile("%(?:25)*")
_LETTER = "\u00fc"
"""Stands for a byte of a letter beyond ASCII."""
_LAST = 0x10FFFF


def decode(text: str) -> tuple[str, Sequence[int]]:
    """Decode `text` until nothing in it is encoded, and drop invisible characters.

    Character `i` of the result stands in `text` from the i-th offset to the next one. A byte beyond ASCII is
    decoded as some letter, unless it is part of a separator or a digit.
    """
    offsets: Sequence[int] = range(len(text) + 1)
    while _ESCAPE.search(text):
        text, offsets = _decode_once(text, offsets)
    return text, offsets


def _decode_once(text: str, offsets: Sequence[int]) -> tuple[str, list[int]]:
    parts: list[str] = []
    starts: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        character = _character(match)
        parts += text[end : match.start()], character
        starts += offsets[end : match.start() + len(character)]
        end = match.end()
    return "".join([*parts, text[end:]]), [*starts, *offsets[end:]]


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "invisible":
        return ""
    if kind == "wide":
        return _wide(value)
    if kind == "control":
        return " "
    if kind == "ampersand":
        return "&"
    number = int(value, 10 if kind == "decimal" else 16)
    if kind == "byte" and number > 0x7F:
        return _LETTER
    return chr(number) if number <= _LAST else " "


def _wide(written: str) -> str:
    """Decode a character of two bytes or more, or give a letter for it."""
    character = unquote(_PERCENT.sub("%", written))
    return character if len(character) == 1 and (ord(character) in IN_ASCII or character in INVISIBLE) else _LETTER
