"""Tells values that identify a person from names of columns."""

import re
from contextlib import suppress
from datetime import datetime

_EMAIL = re.compile(r"[^\s@]+(?:@|%40)(?!\d+x\.)[\w\-]+(?:\.[\w\-]+)*\.[^\W\d_]{2,}", re.IGNORECASE)
"""An address; `logo@2x.png` is none."""
_DIALLED = re.compile(r"(?<![\w])\+\(?\d(?:[ ().\-/]{0,2}\d){7,14}(?!\d)")
_NUMBER = re.compile(r"\(?\d[\d ().\-/]*\d")
_DIGITS = re.compile(r"\D")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_DEVICE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def identifies_a_person(text: str) -> bool:
    """Tell whether a text holds an e-mail address, or is a phone number, a SHA-256 or a device's id."""
    if _EMAIL.search(text) or _DIALLED.search(text):
        return True
    if _DIGEST.fullmatch(text) or _DEVICE.fullmatch(text):
        return True
    return bool(_NUMBER.fullmatch(text)) and _is_phone(text)


def _is_phone(text: str) -> bool:
    """Tell whether a number is valid somewhere with its country's code, or without one in North America.

    With a zero in front and parts set off it is taken for one of another country.
    """
    digits = _DIGITS.sub("", text)
    if not 9 <= len(digits) <= 15 or _is_date(digits):
        return False
    if digits.startswith("0"):
        return len(digits) <= 12
    import phonenumbers

    for written in (f"+{digits}", digits):
        # There may be no country with such a code.
        with suppress(phonenumbers.NumberParseException):
            if phonenumbers.is_valid_number(phonenumbers.parse(written, "US")):
                return True
    return False


def _is_date(digits: str) -> bool:
    """Tell whether the first eight digits are a day of this century or the last, as in 20261129160301."""
    try:
        return datetime.strptime(digits[:8], "%Y%m%d").year in range(1900, 2100)  # noqa: DTZ007
    except ValueError:
        return False
