"""Ids that are written as the phone number of the row's own person."""

import re

_NUMBER_LIKE = re.compile("[0-9 ().+/-]+")
_NO_DIGITS = re.compile("[^0-9]+")
_MOST_DIGITS = 15
"""Of a number in E.164."""
_COUNTRY_CODE = 4
"""Digits that the one of two spellings may have more than the other: a country code, and a trunk zero."""


def is_number_in(identifier: str, phones: str) -> bool:
    """Whether an id has the digits of a phone number in a text, which may have a country code where the id has none.

    Zeros at the front and separators make no difference; lines of the text are numbers of their own.
    """
    digits = _digits(identifier)
    if not _NUMBER_LIKE.fullmatch(identifier) or not 8 <= len(digits) <= _MOST_DIGITS:
        return False
    return any(_has_digits(_digits(line.replace("(0)", "")), digits) for line in phones.split("\n"))


def _has_digits(number: str, digits: str) -> bool:
    shorter = max(len(digits) - _COUNTRY_CODE, 7) <= len(number) <= _MOST_DIGITS
    return digits in number or (shorter and digits.endswith(number))


def _digits(text: str) -> str:
    return _NO_DIGITS.sub("", text).lstrip("0")
