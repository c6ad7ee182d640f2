"""Decode text that is percent-encoded, or escaped for HTML or JSON, and keep the offset of each character."""

import re
from html.entities import html5
from urllib.parse import unquote

from connector.core.typography import IN_ASCII, INVISIBLE, Offsets, fold

_CONTINUED = r"%(?:25)*[89ABab][0-9A-Fa-f]"
_NAMED = {
    name.removesuffix(";"): value
    for name, value in html5.items()
    if name.endswith(";") and len(value) == 1 and (value < "\x80" or ord(value) in IN_ASCII or value in INVISIBLE)
}
"""HTML's names of ASCII characters, of blanks and hyphens, and of invisible characters."""
_ESCAPE = re.compile(
    r"(?P<wide>%(?:25)*(?:[Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f]|[Ee][0-9A-Fa-f]"
    rf"{_CONTINUED}|[Ff][0-4]{_CONTINUED}{_CONTINUED}){_CONTINUED})"
    r"|%(?:25)*(?P<byte>[0-9A-Fa-f]{2})|%(?:25)*[uU](?P<script>[0-9A-Fa-f]{4})"
    r"|&(?:amp;)*#0{0,9}(?P<decimal>[0-9]{1,7});?|&(?:amp;)*#[xX]0{0,9}(?P<hexadecimal>[0-9A-Fa-f]{1,6});?"
    rf"|&(?:amp;)*(?P<named>{'|'.join(sorted(_NAMED, key=len, reverse=True))});"
    r"|\\+(?:u(?P<unicode>[0-9A-Fa-f]{4})|u\{0*(?P<braced>[0-9A-Fa-f]{1,6})\}|x(?P<short>[0-9A-Fa-f]{2})"
    r"|(?P<control>[nrtbf]))"
)
_PERCENT = re.compile("%(?:25)*")
_LETTER = "\u00fc"
"""Stands for a byte of a letter beyond ASCII that cannot be decoded."""
_LAST = 0x10FFFF
_MOST_TIMES = 20
"""The most rounds of decoding. Percent signs and ampersands that are encoded several times take one round."""


def decode(text: str) -> tuple[str, Offsets]:
    """Decode `text` until nothing in it is encoded, and write its characters in their usual form (see `fold`).

    Character `i` of the result comes from the characters of `text` between the i-th offset and the next one.
    """
    plain, offsets = fold(text, range(len(text) + 1))
    for _ in range(_MOST_TIMES):
        if not _ESCAPE.search(plain):
            break
        plain, offsets = fold(*_decode_once(plain, offsets))
    return plain, offsets


def _decode_once(text: str, offsets: Offsets) -> tuple[str, list[int]]:
    parts: list[str] = []
    starts: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        parts += text[end : match.start()], _character(match)
        starts += offsets[end : match.start() + 1]
        end = match.end()
    return "".join([*parts, text[end:]]), [*starts, *offsets[end:]]


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "wide":
        return _wide(value)
    if kind == "control":
        return " "
    if kind == "named":
        return _NAMED[value]
    number = int(value, 10 if kind == "decimal" else 16)
    if kind == "byte" and number > 0x7F:
        return _LETTER
    return chr(number) if number <= _LAST else " "


def _wide(written: str) -> str:
    """Decode a character of two bytes or more; return _LETTER if it is invalid."""
    character = unquote(_PERCENT.sub("%", written))
    return character if len(character) == 1 else _LETTER
