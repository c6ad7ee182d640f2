"""Plain identifiers in texts that are no identifiers, such as a page's address or a description."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from connector.simulator.digests import fault

_EMAIL = re.compile(
    # From where a word begins: else a long one is gone through from each of its letters.
    r"(?<![^\s\"'<>()\[\],;:=&?/@])[^\s\"'<>()\[\],;:=&?/@]+(?:@|%(?:25)*40)(?:[\w-]+\.)+"
    r"(?!(?:apng|avif|bmp|css|gif|ico|html?|jpe?g|js|json|min|pdf|php|png|svg|tiff?|webp)\b)[^\W\d_]{2,}[\w-]*",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w%+.-])(?:\+|%2B)[1-9]\d{9,14}(?!\d)", re.IGNORECASE)
_SIGNS = (
    (b"@", re.compile(rb"@")),
    (b"+", re.compile(rb"\+[1-9]\d{9}")),
    (b"%", re.compile(rb"%(?:25)*40|%2[bB][1-9]\d{9}")),
    (b"\\", re.compile(rb"\\u00(?:40|2[bB])")),
)
"""What may be a part of a plain identifier, behind the one character that is quickly looked for."""
HIDDEN = "[plain identifier]"


def suspicious(body: bytes) -> bool:
    """Whether the text of a request may hold a plain identifier; quick, and right when it says no."""
    return any(mark in body and sign.search(body) for mark, sign in _SIGNS)


def found_in(events: list[Any], hashed: frozenset[str]) -> Counter[str]:
    """How many plain e-mail addresses and telephone numbers stand where, outside of the `hashed` fields of a user.

    A number counts when it is written as E.164 with its plus sign; bare digits may be anything.
    """
    found: Counter[str] = Counter()
    elsewhere = {f"user.{name}" for name in hashed}
    for place, text in _texts(events, ""):
        if place in elsewhere:
            continue
        found[f"an e-mail address in {place}"] += len(_EMAIL.findall(text))
        found[f"a telephone number in {place}"] += len(_PHONE.findall(text))
    return +found


def hidden(text: str) -> str:
    """A text without plain identifiers."""
    return _PHONE.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))


def hide(value: Any, hashed: frozenset[str]) -> Any:
    """The value without plain identifiers. Of the `hashed` fields of a user nothing but digests stays."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, list):
        return [hide(one, hashed) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        hidden(key): [HIDDEN if fault(one) else one for one in (inner if isinstance(inner, list) else [inner])]
        if key in hashed
        else hide(inner, hashed)
        for key, inner in value.items()
    }


def parsed(data: bytes) -> list[Any]:
    """The events of a request whatever their shape."""
    events: list[Any] = msgspec.json.decode(data)
    return events


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, place)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # A name that a client made up may itself be an address.
            name = key if key.isidentifier() else "?"
            yield from _texts(inner, f"{place}.{name}" if place else name)
