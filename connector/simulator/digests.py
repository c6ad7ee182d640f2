"""Whether identifiers are digests. Written without a look at the transform, so that one mistake cannot hide in both.

TikTok wants SHA-256 as 64 lower-case hexadecimal digits; whether `/event/track/` refuses anything else is unknown.
"""

import string
from collections.abc import Iterable, Sequence
from typing import Any

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
OF_NOTHING = frozenset({SHA256_OF_NOTHING, MD5_OF_NOTHING})
_HEX = (string.digits + "abcdef").encode()


def all_digests(values: Sequence[Any], digits: int = 64) -> bool:
    """Whether all are digests of something; one look at all of them, since nearly always all are."""
    if not values:
        return True
    if set(map(type, values)) != {str} or set(map(len, values)) != {digits}:
        return False
    joined = "".join(values).encode(errors="replace")
    return not joined.translate(None, _HEX) and OF_NOTHING.isdisjoint(values)


def fault(value: Any, digits: int = 64) -> str | None:
    """What is wrong with one value, without the value."""
    if isinstance(value, str) and value in OF_NOTHING:
        return "is the hash of nothing"
    return None if all_digests([value], digits) else "is not hashed"


def faults(field: str, values: Iterable[Any]) -> list[str]:
    """A text for each of the values that is no digest."""
    return [f"{field} {what}" for value in values if (what := fault(value))]
