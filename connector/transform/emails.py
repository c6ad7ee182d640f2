"""Extract and normalise e-mail addresses in the forms that people and programs write.

The regular expression of `sql/identity.py` handles the usual forms; this module handles all others.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import pairwise
from unicodedata import category
from urllib.parse import unquote

from connector.catalogue.vocabulary import EMAIL_RULES
from connector.transform.invisible import without_invisible
from connector.transform.packed import is_digest, is_placeholder, packed, unmarked

PLAIN, WITHOUT_PLUS, WITHOUT_PLUS_AND_DOTS = EMAIL_RULES

WRAPPERS = "\"'`´‘’‚‛“”„‟‹›«»＂＇()[]{}<>（）［］＜＞【】「」\\"
"""Quotation marks and brackets, which stand around an address and are none of its ends."""

_COMMAS = ",，、"
_SEPARATORS = f";|\t\r\n；｜{_COMMAS}"
_SEPARATOR = re.compile(r"[;|\t\r\n；｜]")
_COMMA = re.compile(f"[{_COMMAS}]")
_QUERY = re.compile(r"(@[^\s?]+)\s*\?.*", re.DOTALL)
"""What follows an address in a link, to its end."""
_SAYS = re.compile(r"[^\W_]|@")
"""What a word of nothing but punctuation lacks."""
_COMMENT = re.compile(r"[(\[][^()\[\]<>@]*[)\]]")
_QUOTED_NAME = re.compile(r"([\"'“”„])[^\"'“”„<>@]*[\"'“”„]\s*<")
_SCHEME = re.compile(r"mailto:(//)?", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z]+);")
_BLANK = re.compile(r"\u2800|%(?:20|09|0[aAdD]|[cC]2%[aA]0)")
_LAST_ESCAPES = re.compile(r"(?:\\[tnr])+(?=\s|$)")
_ESCAPED = re.compile(r"\\(?=[tnr])")
_BYTES = re.compile(r"[bB](['\"])([^'\"]*)\1")
_WORD = re.compile(r"(?<![^\s<\"'(\[;,|])(?:e[-_ ]?mail|mail|smtp|to|from|cc|bcc)\s*[:=]\s*", re.IGNORECASE)
"""Words that programs write before an address."""

_AFTER = ":/!*#$…。"
"""What stands behind an address and can be no part of a domain."""

_IN_NAME, _NOT_FIRST = "!#$%&'*+/=?^_`{|}~-", "!#$%&*/=?^~"
"""Beside letters and digits, what RFC 5321 has in the name before the @, and what no usual name begins with."""

LONGEST_NAME, _LONGEST_LABEL = 64, 63


def email_digests(text: str, rules: str = PLAIN) -> str:
    """Return the packed digests of the addresses in `text` by all `rules` (names, joined by commas)."""
    return packed(parts_of(unmarked(text)), lambda part: forms_of(part, rules.split(",")))


def parts_of(text: str) -> list[str]:
    """Split a text into possible addresses, digests and placeholders; return the text itself if there are none."""
    text = without_invisible(text).strip()
    if is_placeholder(text):
        return [text]
    text = _plain(text)
    parts = [part for piece in _pieces(text) for some in _SEPARATOR.split(piece) for part in _between_commas(some)]
    return parts or [text]


def forms_of(part: str, rules: Iterable[str]) -> list[str]:
    """Return the normalised forms of an address, one for each rule that leaves a name; none if it is invalid."""
    name, at, domain = part.partition("@")
    if not (at and _is_name(name) and _is_domain(domain)):
        return []
    return [form for rule in rules if (form := _form(part.lower(), rule))]


def _is_name(name: str) -> bool:
    characters = all(_is_letter(one) or one in _IN_NAME for one in name.replace(".", ""))
    return characters and all(name.split(".")) and len(name) <= LONGEST_NAME and name[0] not in _NOT_FIRST


def _is_domain(domain: str) -> bool:
    *labels, top = domain.split(".")
    is_top = len(top) > 1 and all(_is_letter(one) and not one.isdigit() for one in top)
    return bool(labels) and all(map(_is_label, labels)) and (is_top or (top[:4].lower() == "xn--" and _is_label(top)))


def _is_label(label: str) -> bool:
    ends = label[:1] + label[-1:]
    return 0 < len(label) <= _LONGEST_LABEL and "-" not in ends and all(map(_is_letter, label.replace("-", "")))


def _is_letter(one: str) -> bool:
    """Return whether a character is a letter, a digit, or a mark on one, in any script."""
    return one.isalnum() or category(one).startswith("M")


def _form(address: str, rule: str) -> str | None:
    name, _, domain = address.partition("@")
    if rule != PLAIN:
        name = name.partition("+")[0]
    if rule == WITHOUT_PLUS_AND_DOTS:
        name = name.replace(".", "")
    return f"{name}@{domain}" if name else None


def _plain(text: str) -> str:
    """Decode escaped blanks and brackets in a text, and remove words such as "mailto" before addresses."""
    if "&" in text:
        text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    if literal := _BYTES.fullmatch(text):
        text = literal[2]
    # Of \\tom@ nobody knows whether it is a tab before om@ or a stroke before tom@: with a colon it is no address.
    text = _LAST_ESCAPES.sub(" ", _BLANK.sub(" ", text))
    return _WORD.sub("", _ESCAPED.sub(":", text))


def _between_commas(text: str) -> list[str]:
    """Split a text at commas; keep it whole if a comma may stand for a dot in an address."""
    parts = _COMMA.split(text)
    if any(_are_torn(*pair) for pair in pairwise(parts)):
        return [text]
    return [word for part in parts for word in _words(part)]


def _are_torn(left: str, right: str) -> bool:
    if not left or not right or left[-1].isspace() or right[0].isspace() or ("@" in left) == ("@" in right):
        return False
    other = _bare(right if "@" in left else left)
    return bool(other) and not is_digest(other) and not is_placeholder(other)


def _pieces(text: str) -> Iterator[str]:
    """Yield the parts of a text without names of people and comments."""
    if "(" in text or "[" in text:
        text = _COMMENT.sub(" ", text)
    if "<" not in text:
        yield text
        return
    outside, *addressed = _QUOTED_NAME.sub("<", text).split("<")
    for piece in addressed:
        yield from _outside(outside, named=True)
        inside, _, outside = piece.partition(">")
        yield inside
    yield from _outside(outside, named=False)


def _outside(text: str, *, named: bool) -> Iterator[str]:
    """Yield the text between addresses in angle brackets, if it contains an address."""
    if named:
        text = text[: max(0, *(text.rfind(end) for end in _SEPARATORS))]
    if "@" in text:
        yield text


def _words(text: str) -> list[str]:
    """Return the words between blanks if each is a value; else all as one, which is none: it has white space inside."""
    words = [word for one in _QUERY.sub(r"\1", text).split() if _SAYS.search(word := _bare(one))]
    alone = all("@" in word or is_digest(word) or is_placeholder(word) for word in words)
    return words if alone else [" ".join(words)]


def _bare(word: str) -> str:
    """Strip the characters around an address from a word."""
    before = None
    while word != before:
        before, word = word, word.strip(WRAPPERS)
        word = word.rstrip(_AFTER) if "@" in word else word
        if scheme := _SCHEME.match(word):
            word = unquote(word[scheme.end() :])
    return word
