"""Detection of plain personal data: identifiers that are not hashed, and e-mail addresses or phone numbers in texts.

Written independently of the transform, so that one mistake cannot hide in both. TikTok wants SHA-256 as 64
lower-case hexadecimal digits; whether `/event/track/` refuses anything else is unknown.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
OF_NOTHING = frozenset({SHA256_OF_NOTHING, MD5_OF_NOTHING})
_HEX = (string.digits + "abcdef").encode()


def all_digests(values: Sequence[Any], digits: int = 64) -> bool:
    """Test whether all values are digests of something, in one pass, since nearly always all are."""
    if not values:
        return True
    if set(map(type, values)) != {str} or set(map(len, values)) != {digits}:
        return False
    joined = "".join(values).encode(errors="replace")
    return not joined.translate(None, _HEX) and OF_NOTHING.isdisjoint(values)


def digest_problem(value: Any, digits: int = 64) -> str | None:
    """Describe what is wrong with one value, without quoting it; None if it is a digest."""
    if isinstance(value, str) and value in OF_NOTHING:
        return "is the hash of nothing"
    return None if all_digests([value], digits) else "is not hashed"


def digest_problems(field: str, values: Iterable[Any]) -> list[str]:
    """Describe each value that is not a digest."""
    return [f"{field} {problem}" for value in values if (problem := digest_problem(value))]


_EMAIL = re.compile(
    # Anchored at the start of a word: otherwise a long one is scanned from each of its letters.
    r"(?<![^\s\"'<>()\[\],;:=&?/@])[^\s\"'<>()\[\],;:=&?/@]+(?:@|%(?:25)*40)(?:[\w-]+\.)+"
    r"(?!(?:apng|avif|bmp|css|gif|ico|html?|jpe?g|js|json|min|pdf|php|png|svg|tiff?|webp)\b)[^\W\d_]{2,}[\w-]*",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w%+.-])(?:\+|%2B)[1-9]\d{9,14}(?!\d)", re.IGNORECASE)
_MARKERS = (
    (b"@", re.compile(rb"@")),
    (b"+", re.compile(rb"\+[1-9]\d{9}")),
    (b"%", re.compile(rb"%(?:25)*40|%2[bB][1-9]\d{9}")),
    (b"\\", re.compile(rb"\\u00(?:40|2[bB])")),
)
"""Patterns that may be part of a plain identifier, each with a character that is quick to find."""
REDACTED = "[plain identifier]"


def may_contain_pii(body: bytes) -> bool:
    """Test quickly whether a request may contain plain identifiers; never wrong if it says no."""
    return any(mark in body and sign.search(body) for mark, sign in _MARKERS)


def count_pii(events: list[Any], hashed: frozenset[str]) -> Counter[str]:
    """Count the plain e-mail addresses and phone numbers by place, outside of the `hashed` fields of a user.

    A number counts when it is written as E.164 with its plus sign; bare digits may be anything.
    """
    counts: Counter[str] = Counter()
    hashed_places = {f"user.{name}" for name in hashed}
    for place, text in _texts(events, ""):
        if place in hashed_places:
            continue
        counts[f"an e-mail address in {place}"] += len(_EMAIL.findall(text))
        counts[f"a telephone number in {place}"] += len(_PHONE.findall(text))
    return +counts


def redact_text(text: str) -> str:
    """Replace plain identifiers in a text."""
    return _PHONE.sub(REDACTED, _EMAIL.sub(REDACTED, text))


def redact_value(value: Any, hashed: frozenset[str]) -> Any:
    """Replace plain identifiers in a value. In the `hashed` fields of a user only digests stay."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [redact_value(one, hashed) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        redact_text(key): [
            REDACTED if digest_problem(one) else one for one in (inner if isinstance(inner, list) else [inner])
        ]
        if key in hashed
        else redact_value(inner, hashed)
        for key, inner in value.items()
    }


def decode_events(data: bytes) -> list[Any]:
    """Decode the events of a request whatever their shape."""
    events: list[Any] = msgspec.json.decode(data)
    return events


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, place)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # A field name chosen by a client may itself be an address.
            name = key if key.isidentifier() else "?"
            yield from _texts(inner, f"{place}.{name}" if place else name)
