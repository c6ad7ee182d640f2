"""Takes out of a text whatever looks like an e-mail address or a phone number.

The patterns are RE2 and Python `re` alike, so that SQL can use them, and touch neither the quotes nor the
commas of JSON.
"""

import re

REDACTED = "[redacted]"

EMAIL_LIKE = r"[^\s@\",:;()<>\\]*(?:@|%40)[^\s\",:;()<>\\]*"
"""Anything around an @, written plainly or as in a URL."""

WRITTEN_PHONE = (
    r"\+\(?\d[\d ().\-/]{5,}\d|\(\d{2,4}\)[ .\-]?\d[\d ./\-]{4,}\d|\b\d{3}[-. /]\d{3}[-. /]\d{4}\b"
    r"|\b\d+[ /]\d[\d ./\-]{5,}\d\b"
)
"""A number written as people write phone numbers: with a plus sign, brackets or separators."""

ANY_NUMBER = r"\+?\(?\d[\d ().\-/]{5,}\d"
"""Any number of seven digits and more, as phone numbers without separators are."""

DIALLED_PHONE = (
    r"(?:\B\+|%2[Bb])\(?[1-9](?:\d{7,14}\b|\d{0,2}[ ()\-/](?:[ ().\-/]{0,2}\d){7,13}\b"
    r"|\d{0,2}\.\d{2,4}\.(?:[.\-]?\d){3,8}\b)"
)
"""A number of eight digits and more with its plus sign, which may be written as in a URL.

No decimal number, no offset of a time, and no plus sign that follows a letter or a digit, as in a search.
"""

SPACED_PHONE = r"\(\d{2,5}\)[ .\-]?\d{2,4}[ .\-]\d{3,5}\b|\b[2-9]\d{2}[.\-][2-9]\d{2}[.\-]\d{4}\b"
"""A number that can hardly be anything but a phone number: (212) 555-0142, (020) 7946 0958, 212-555-0142."""

_IN_TEXTS = re.compile(rf"{EMAIL_LIKE}|{DIALLED_PHONE}|{SPACED_PHONE}", re.ASCII)
_IN_MESSAGES = re.compile(rf"{EMAIL_LIKE}|{ANY_NUMBER}|'[^']*'")


def anonymous(text: str) -> str:
    """A text without e-mail addresses and phone numbers, as the transform leaves those of rows."""
    return _IN_TEXTS.sub(REDACTED, text)


def redact(text: str, longest: int = 500) -> str:
    """A message of a warehouse, which likes to quote what it could not read, on one line.

    Without quoted values, and without what looks like an identifier; at most `longest` characters.
    """
    return _IN_MESSAGES.sub(REDACTED, " ".join(text.split()))[:longest]
