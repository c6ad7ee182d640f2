"""Remove e-mail addresses and phone numbers from texts, whatever their encoding.

The patterns of phone numbers are valid for RE2 and for Python's `re`, so that SQL can use them.
"""

import json
import re
from collections.abc import Callable, Iterator

from connector.core.email_addresses import AT_IN_BRACKETS, addresses
from connector.core.escapes import decode
from connector.core.typography import CONTROLS, IN_ASCII, UNUSUAL, in_ascii

REDACTED = "[redacted]"

WRITTEN_PHONE = (
    r"\+\(?\d[\d ().\-/]{5,}\d|\(\d{2,4}\)[ .\-]?\d[\d ./\-]{4,}\d|\b\d{3}[-. /]\d{3}[-. /]\d{4}\b"
    r"|\b\d+[ /]\d[\d ./\-]{5,}\d\b"
)
"""A number written as people write phone numbers: with a plus sign, brackets or separators."""

ANY_NUMBER = r"\+?\(?\d[\d ().\-/]{5,}\d"
"""Any number of seven digits or more, such as a phone number without separators."""

TIME_OR_AMOUNT = (
    r"\d:\d{2}|\b(?i:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sept?|o[ck]t|nov|de[cz])"
    r"(?:r?uary?|ch|z|il|e|i|y|ust|(?:t?em|o)ber)?\b"
    r"|(?:^|[^\d./-])(?:[0-3]?\d[./-][0-3]?\d[./-](?:\d{2}|\d{4})|[12]\d{3}[./-]\d{1,2}[./-]\d{1,2})(?:$|[^\d./-])"
    r"|^-?(?:\d{1,9}[.,]\d{1,2}|\d{9,}[.,]\d+|\d[.,]\d+[eE]\+?\d+)$"
)
"""Text that is not a phone number: a time of day, the name of a month, a date, or a number with decimal places."""

_END = r"(?:\b|[A-Za-z_]\w*)"
"""The end of a number with a plus sign: letters directly after it belong to it, such as an extension."""
_PARTED = rf"\d{{0,5}}[ ()\-/_](?:[ ().\-/_]{{0,2}}\d){{7,13}}{_END}|\d{{0,2}}\.\d{{2,4}}\.(?:[.\-]?\d){{3,8}}{_END}"
_AFTER_PLUS = rf"\(?[1-9](?:\d{{7,14}}{_END}|{_PARTED})"
_BEHIND_A_WORD = rf"\b\+\(?[1-9](?:\d{{9,14}}{_END}|{_PARTED})"
"""A number after a word; without separators it needs ten digits: `?q=shoes+20261126` has none."""
_FURTHER = rf"(?:\+\(?[1-9][\d ().\-/_]{{6,}}\d{_END})*"
"""Numbers directly after another one, which would remain when that is removed."""

DIALLED_PHONE = rf"(?:\B\+|%2[Bb]){_AFTER_PLUS}" + _FURTHER
"""A number of eight digits or more with a plus sign, which may be percent-encoded.

It excludes decimal numbers, offsets of times, and a plus sign after a letter or a digit, as in a search.
"""

SPACED_PHONE = (
    r"\(\d{2,5}\)[ .\-]?\d{2,4}[ .\-]\d{3,5}\b"
    r"|(?:\b|\\(?:[nrtbf]|u[0-9A-Fa-f]{4}))[2-9]\d{2}[.\-][2-9]\d{2}[.\-]\d{4}\b"
)
"""A number in a form that only phone numbers have: (212) 555-0142, (020) 7946 0958, 212-555-0142."""

PHONE_IN_TEXT = rf"(?:(?:\B\+|%2[Bb]){_AFTER_PLUS}|{_BEHIND_A_WORD}|{SPACED_PHONE}){_FURTHER}"
"""Any of these forms; in a text, the plus sign may follow a letter or a digit."""

_NAMES = "commat|plus|lpar|lsqb|lbrack|lcub|lbrace|percnt|bsol|num"
"""HTML's names of the signs themselves, and of the signs that start another encoding of them."""
_NUMBER_FOLLOWS = r"(?:[1-9(]|%(?:25)*(?:28|3[1-9]|[Ee][Ff]))"
PLUS_BEFORE_ENCODED = (
    r"\+\(?(?:[1-9][0-9]*(?:%|&(?:amp;)*(?:#|nbsp|hyphen|dash)|\\+[ux])|%(?:25)*(?:28|3[1-9]|[Ee][Ff]))"
)
"""A plus sign before encoded digits or separators."""
PERCENT_ENCODED = (
    r"%(?:25)*(?:(?:4|%(?:25)*34)(?:0|%(?:25)*30)"
    rf"|2[Bb]{_NUMBER_FOLLOWS}|23[0-9xX]|26(?:amp|#|%|{_NAMES})|5[Cc]"
    r"|(?:[01][0-9a-fA-F]|3[aA])\+\(?[1-9]|(?:28|[57][Bb])(?:%|[+ ]|[aA][tT])"
    r"|[uU](?:00|[fF])|[Ee][Ff]%(?:25)*[Bb][9Cc])"
)
"""A possible @, or plus sign before a number, percent-encoded any number of times, even if it was escaped before.

It starts with a percent sign, which is fast to find, and is short because each slice compiles it for each column.
"""

ESCAPED = r"#(?:0*(?:3[578]|4[03]|6[45]|9[12]|123)|[xX])|\\(?:[nrtbf]\+|[ux])"
"""An at sign, a plus sign or a bracket, written as a numeric HTML entity or a JSON escape."""

NAMED = rf"&(?:amp;)*(?:{_NAMES});"
"""An at sign, a plus sign or a bracket, written as a named HTML entity."""

AT = f"[@\uff20\ufe6b]|{AT_IN_BRACKETS}|[\uff08\uff3b\uff5b\ufe59\ufe5b] ?[aA\uff21\uff41]"
"""An at sign that is not encoded, or a substitute for one."""

SIMPLE_PARAMETER = (
    r"([?&][A-Za-z0-9_.\-]{1,40}=)[A-Za-z0-9_][A-Za-z0-9_.+\-]*(?:@|%(?:25)*40)(?:[A-Za-z0-9\-]+\.)+"
    r"(?:com|net|org|edu|[a-ik-z][a-z]|j[a-rt-z])(&|\z)"
)
"""An address that is the whole value of a URL parameter: the usual form, which SQL alone can remove."""

HIDING = f"{AT}|{PERCENT_ENCODED}|{ESCAPED}|{NAMED}|{PLUS_BEFORE_ENCODED}"
"""Any of these signs."""
_ENCODED = re.compile(HIDING)
BESIDE_SIMPLE = (
    r"[@#;\\[]|[tT] {0,2}[)}]"
    r"|%(?:25)*(?:[014-9A-Za-z]|2[3568Bb]|3(?:4|[aA]\+)|%)|\+\(?(?:[1-9][0-9]*[%&\\]|%)"
)
"""Everything else that HIDING may match in ASCII text: shorter and less exact."""
_SIMPLE = re.compile(SIMPLE_PARAMETER.replace(r"\z", r"\Z"))

_PLUS_FOR_BLANK = re.compile(r"(?<=\d)\+(?=[\d(])")
_ENCODED_PLUS, _REMOVED = "\x01", "]"
"""Stand for an encoded plus sign such as %2B, which counts at any position; and for removed text."""
_DECODED_PHONE = re.compile(rf"(?:\B\+|{_ENCODED_PLUS}){_AFTER_PLUS}", re.ASCII)
_NEXT_PHONE = re.compile(rf"[+ {_ENCODED_PLUS}]{_AFTER_PLUS}", re.ASCII)
_IN_TEXTS, _DIALLED = re.compile(PHONE_IN_TEXT, re.ASCII), re.compile(DIALLED_PHONE, re.ASCII)
_UNUSUAL, _WRITTEN = re.compile(f"{UNUSUAL}|{CONTROLS}"), re.compile(WRITTEN_PHONE, re.ASCII)
_IN_MESSAGES = re.compile(rf"[^\s@\",:;()<>\\]*(?:@|%40)[^\s\",:;()<>\\]*|{ANY_NUMBER}")

_LETTER = "[A-Za-z\u00c0-\u024f]"
_IN_WORD = rf"(?<={_LETTER}{_LETTER})['\u2019](?={_LETTER})"
"""An apostrophe, as in `can't`; after a single letter it may start a value, as in `b'…'`."""
_APOSTROPHE = re.compile(_IN_WORD)
_QUOTES = "'\"`\u00ab\u00b4\u00bb\u2018-\u201f\u2032\u2033\u2039\u203a\u300c-\u300f\uff02\uff07"
_QUOTE = re.compile(rf"(?!{_IN_WORD})[{_QUOTES}]")
_WORD = re.compile("[A-Za-z0-9]")
_INSIDE_VALUE = re.compile(rf"(?!['\u2019][st]\b){_IN_WORD}")
_LITERAL = re.compile(rf"(?!{_IN_WORD})'[^']*(?:'|\Z)")

_JSON_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?', re.DOTALL)


def anonymous(text: str) -> str:
    """Remove e-mail addresses and phone numbers from a text, as the transform does from texts of rows.

    In JSON, each string is a text of its own.
    """
    if is_json(text):
        return change_strings(text, anonymous)
    return _without(_IN_TEXTS, without_addresses(text))


def without_dialled(text: str) -> str:
    """Remove e-mail addresses and phone numbers with a plus sign, as from page addresses and ids."""
    if is_json(text):
        return change_strings(text, without_dialled)
    return _without(_DIALLED, without_addresses(text))


def without_written(text: str) -> str:
    """Remove e-mail addresses and numbers written as phone numbers from the strings of a JSON text."""
    return change_strings(text, lambda string: _WRITTEN.sub(REDACTED, without_addresses(string)))


def _without(phones: re.Pattern[str], text: str) -> str:
    if not _UNUSUAL.search(text):
        return phones.sub(REDACTED, text)
    plain, offsets = in_ascii(text)
    parts: list[str] = []
    last = 0
    for match in phones.finditer(plain):
        parts += text[last : offsets[match.start()]], REDACTED
        last = offsets[match.end()]
    return "".join([*parts, text[last:]])


def redact(text: str, longest: int = 500) -> str:
    """Shorten a message that may quote data to one line without quoted values, addresses and numbers.

    Quotation marks inside values are usually not escaped, so everything from the first to the last one is removed. The
    result has at most `longest` characters.
    """
    span = quoted_span(text)
    return _on_one_line(f"{text[: span[0]]}{REDACTED}{text[span[1] :]}" if span else text, longest)


def redact_literals(text: str, longest: int = 500) -> str:
    """Shorten a message about a statement, not about data: keep names in double quotation marks."""
    return _on_one_line(_LITERAL.sub(REDACTED, text), longest)


def _on_one_line(text: str, longest: int) -> str:
    return _IN_MESSAGES.sub(REDACTED, " ".join(without_addresses(text).split()))[:longest]


def quoted_span(text: str, start: int = 0) -> tuple[int, int] | None:
    """Return the span of the quoted values in a text, up to its end if it is cut or nothing closes them."""
    marks = [match.start() for match in _QUOTE.finditer(text, start)]
    if not marks:
        return None
    if len(marks) == 1:
        # It may close a value that starts directly after a word.
        apostrophe = _APOSTROPHE.search(text, start, marks[0])
        return (apostrophe.start() if apostrophe else marks[0]), len(text)
    end = marks[-1] + 1
    is_closed = not text.endswith(("...", "…")) and not _WORD.match(text, end) and not _INSIDE_VALUE.search(text, end)
    return marks[0], end if is_closed else len(text)


def holds_address(text: str) -> bool:
    """Return whether a text contains an e-mail address in any encoding."""
    return any(True for _ in addresses(decode(text)[0]))


def without_addresses(text: str) -> str:
    """Remove e-mail addresses in any encoding, and phone numbers whose plus sign is encoded."""
    text = _SIMPLE.sub(rf"\g<1>{REDACTED}\g<2>", text) if _ENCODED.search(text) else text
    if not _ENCODED.search(text):
        return text
    parts: list[str] = []
    last = 0
    for start, end in _joined(sorted(_spans(text))):
        parts += text[last:start], REDACTED
        last = end
    return "".join([*parts, text[last:]]) if parts else text


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans to remove; they may overlap."""
    plain, offsets = decode(text)
    written = plain.translate(IN_ASCII)
    left = [*written.replace(_ENCODED_PLUS, " ")]
    for start, end in addresses(plain):
        left[start:end] = _REMOVED * (end - start)
        yield offsets[start], offsets[end]
    if plain is not text and "+" in written:
        for index, character in enumerate(written):
            if character == "+" and text[offsets[index]] != "+" and left[index] == "+":
                left[index] = _ENCODED_PLUS
        for start, end in _dialled(written, "".join(left)):
            yield offsets[start], offsets[end]


def _dialled(plain: str, left: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of phone numbers in a decoded text; `left` is the text without its addresses."""
    written = _PLUS_FOR_BLANK.sub(" ", left)
    match = _DECODED_PHONE.search(written)
    while match:
        yield match.span()
        end = match.end()
        further = _NEXT_PHONE.match(written, end) if plain.startswith("+", end) else None
        match = further or _DECODED_PHONE.search(written, end)


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Merge sorted spans that overlap or touch."""
    start, end = -1, -1
    for span in spans:
        if span[0] > end:
            if end >= 0:
                yield start, end
            start, end = span
        end = max(end, span[1])
    if end >= 0:
        yield start, end


def is_json(text: str) -> bool:
    """Return whether a text is a JSON object or array."""
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def change_strings(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to each string of a JSON text, names of members included; distinct names stay distinct."""
    names: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        value, colon = json.loads(match[1]), match[2] or ""
        changed = change(value)
        if changed == value:
            return match[0]
        return _write_json_string(_distinct_name(names, value, changed) if colon else changed) + colon

    return _JSON_STRING.sub(replace, text)


def _distinct_name(names: dict[str, str], name: str, changed: str) -> str:
    """Add a number to a name that equals another one once they are changed."""
    if name not in names:
        number, alike = 1, changed
        while changed in names.values():
            number, changed = number + 1, f"{alike} {number + 1}"
        names[name] = changed
    return names[name]


def _write_json_string(text: str) -> str:
    """Return a JSON string; escape its characters if UTF-8 cannot encode them."""
    written = json.dumps(text, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return written
