"""E-mail addresses as people and programs write them: taken out of what stands around them, and normalised.

The regular expression of `sql/identity.py` decides the usual ones; this is asked of all other texts, once for each.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from connector.transform.invisible import without_invisible
from connector.transform.packed import is_digest, is_placeholder, packed, unmarked
from connector.vocabulary import EMAIL_RULES

PLAIN, WITHOUT_PLUS, WITHOUT_PLUS_AND_DOTS = EMAIL_RULES

WRAPPERS = "\"'`´‘’‚‛“”„‟‹›«»＂＇()[]{}<>（）［］＜＞【】「」\\"
"""Quotation marks and brackets, which stand around an address and are none of its ends."""

_SEPARATORS = ";,|\t\r\n；，、｜"
_SEPARATOR = re.compile(f"[{_SEPARATORS}]")
_QUERY = re.compile(r"(@[^\s?]+)\?.*", re.DOTALL)
_COMMENT = re.compile(r"[(\[][^()\[\]<>@]*[)\]]")
_QUOTED_NAME = re.compile(r"([\"'“”„])[^\"'“”„<>@]*[\"'“”„]\s*<")
_SCHEME = re.compile(r"mailto:(//)?", re.IGNORECASE)
_INSIDE = r"[^\s@.<>()\[\]\"“”;,|\\]"
_ADDRESS = re.compile(rf"{_INSIDE}+(\.{_INSIDE}+)*@{_INSIDE}+(\.{_INSIDE}+)+")


def email_digests(text: str, rules: str = PLAIN) -> str:
    """The packed digests of the addresses in `text`, each by all `rules` (names, joined by commas)."""
    return packed(parts_of(unmarked(text)), lambda part: forms_of(part, rules.split(",")))


def parts_of(text: str) -> list[str]:
    """What stands in a text that may be an address, a digest or a placeholder; the text itself where nothing may."""
    text = without_invisible(text).strip()
    if is_placeholder(text):
        return [text]
    parts = [part for piece in _pieces(text) for some in _SEPARATOR.split(piece) for part in _words(some)]
    return parts or [text]


def forms_of(part: str, rules: Iterable[str]) -> list[str]:
    """The normalised forms of an address, one for each rule by which something of it is left; none: it is not valid."""
    if not _ADDRESS.fullmatch(part):
        return []
    return [form for rule in rules if (form := _form(part.lower(), rule))]


def _form(address: str, rule: str) -> str | None:
    name, _, domain = address.partition("@")
    if rule != PLAIN:
        name = name.partition("+")[0]
    if rule == WITHOUT_PLUS_AND_DOTS:
        name = name.replace(".", "")
    return f"{name}@{domain}" if name else None


def _pieces(text: str) -> Iterator[str]:
    """The text without the names of people and comments beside the addresses."""
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
    """What stands between addresses in angle brackets, where it is more than names."""
    if named:
        text = text[: max(0, *(text.rfind(end) for end in _SEPARATORS))]
    if "@" in text:
        yield text


def _words(text: str) -> list[str]:
    """The words between blanks where each is a value; else all as one, which is none: white space is inside of it."""
    words = [word for one in _QUERY.sub(r"\1", text).split() if (word := _bare(one))]
    alone = all("@" in word or is_digest(word) or is_placeholder(word) for word in words)
    return words if alone else [" ".join(words)]


def _bare(word: str) -> str:
    """A word without what wraps an address."""
    before = None
    while word != before:
        before, word = word, word.strip(WRAPPERS)
        if scheme := _SCHEME.match(word):
            word = unquote(word[scheme.end() :])
    return word
