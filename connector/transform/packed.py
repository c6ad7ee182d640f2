"""Pack the digests of a text, which may contain several values, into one text.

64 hex digits for each digest, one after the other, then INVALID where a part of the text is not valid, then
PLACEHOLDER where a part is a word that stands for nothing. In SQL, one digest is known by the text's length.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256

from connector.catalogue.vocabulary import EMPTY_DIGEST, PLACEHOLDER_DIGESTS, PLACEHOLDERS

MARK = "\0"
"""Begins a value that is, or may be, a placeholder: no other value that is cleaned can begin with it."""

INVALID, PLACEHOLDER = "!", "??"
"""Of one character, and of two: a packed text's length says by its last two bits which of them it ends with."""
DIGEST_LENGTH = 64

_WORDS = frozenset(PLACEHOLDERS)
_HEX = frozenset("0123456789abcdef")

Normalise = Callable[[str], Iterable[str]]
"""The normalised forms of a part; none where it is not valid."""


def packed(parts: Iterable[str], normalise: Normalise) -> str:
    """Return the distinct digests of all forms of all parts, and marks for the other parts."""
    digests: dict[str, None] = {}
    invalid = placeholder = False
    for part in parts:
        if is_placeholder(part):
            placeholder = True
        elif is_digest(part):
            digests |= {} if part.lower() == EMPTY_DIGEST else {part.lower(): None}
        else:
            forms = [digest_of(form) for form in normalise(part)]
            invalid |= not forms
            digests |= dict.fromkeys(forms)
    return "".join(digests) + INVALID * invalid + PLACEHOLDER * placeholder


def unpacked(text: str) -> list[str]:
    """Return the digests of a packed text."""
    end = len(text) - len(text) % DIGEST_LENGTH
    return [text[start : start + DIGEST_LENGTH] for start in range(0, end, DIGEST_LENGTH)]


def is_placeholder(text: str) -> bool:
    """Return whether a text is a placeholder word, or the digest of one."""
    return text.lower() in _WORDS or text.lower() in PLACEHOLDER_DIGESTS


def is_digest(text: str) -> bool:
    """Return whether a text is a SHA-256 in hex already."""
    return len(text) == DIGEST_LENGTH and _HEX.issuperset(text.lower())


def digest_of(text: str) -> str:
    """Return the SHA-256 in lower-case hex."""
    return sha256(text.encode()).hexdigest()


def unmarked(text: str) -> str:
    """Remove the mark of a possible placeholder from a text."""
    return text.removeprefix(MARK)
