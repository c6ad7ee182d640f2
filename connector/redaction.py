"""Takes out of a text whatever looks like an e-mail address or a phone number.

For messages of warehouses and services, which like to echo the value that they could not read.
"""

import re

REDACTED = "[redacted]"
EMAIL_LIKE = r"[^\s@\"',:()]+@[^\s@\"',:()]+"
PHONE_LIKE = r"\+\d[\d ().-]{6,}\d|\(\d{3}\) ?\d{3}[-. ]?\d{4}|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b"
"""Both are RE2 and Python `re` alike, so that SQL can use them too."""

_PATTERN = re.compile(f"{EMAIL_LIKE}|{PHONE_LIKE}")


def redact(text: str, longest: int = 500) -> str:
    """`text` without what looks like an identifier, on one line of at most `longest` characters."""
    return _PATTERN.sub(REDACTED, " ".join(text.split()))[:longest]
