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

_IN_MESSAGES = re.compile(rf"{EMAIL_LIKE}|{ANY_NUMBER}|'[^']*'")


def redact(text: str, longest: int = 500) -> str:
    """A message of a warehouse, which likes to quote what it could not read, on one line.

    Without quoted values, and without what looks like an identifier; at most `longest` characters.
    """
    return _IN_MESSAGES.sub(REDACTED, " ".join(text.split()))[:longest]
