"""Detect ids that are the phone number of the row's own person."""

import re
import unicodedata
from collections.abc import Iterator

_NUMBER_LIKE = re.compile(r"(?:tel:)?([0-9 ().+/_-]+)", re.IGNORECASE)
_NO_DIGITS = re.compile("[^0-9]+")
_EXTENSION = re.compile(r"(?:;? *e?xt?(?:ension)?[. :=]*|;\D*|# *)[0-9]{1,6}\s*\Z", re.IGNORECASE)
_ZERO_DECIMALS = re.compile(r"(?<=[0-9])\.0+\s*\Z")
_BETWEEN_NUMBERS = re.compile(r"[\n,;|&/]|\bor\b|\band\b", re.IGNORECASE)
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
"""Of a number in E.164."""
_COUNTRY_CODE = 4
"""Digits that the one of two spellings may have more than the other: a country code, and a trunk zero."""


def is_number_in(identifier: str, phones: str) -> bool:
    """Return whether an id has the digits of a phone number in a text, except for a missing country code.

    Zeros at the front, separators, extensions and words around it make no difference. A text may hold several numbers.
    """
    identifier = unicodedata.normalize("NFKC", identifier)
    if identifier in unicodedata.normalize("NFKC", phones).split("\n"):
        return len(_digits(identifier)) >= _FEWEST_DIGITS
    written = _NUMBER_LIKE.fullmatch(identifier)
    forms = {_digits(form) for form in (written[1], _ZERO_DECIMALS.sub("", written[1]))} if written else set()
    possible = [digits for digits in forms if _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS]
    return any(_has_digits(_digits(number), digits) for digits in possible for number in _numbers(phones))


def _numbers(phones: str) -> Iterator[str]:
    """Yield what may be a number of its own in a text, and the whole of each line."""
    for line in unicodedata.normalize("NFKC", phones).split("\n"):
        whole = line.replace("(0)", "")
        yield whole
        yield _ZERO_DECIMALS.sub("", _EXTENSION.sub("", whole))
        for part in _BETWEEN_NUMBERS.split(whole):
            yield _ZERO_DECIMALS.sub("", _EXTENSION.sub("", part))


def _has_digits(number: str, digits: str) -> bool:
    shorter = max(len(digits) - _COUNTRY_CODE, 7) <= len(number) <= _MOST_DIGITS
    return digits in number or (shorter and digits.endswith(number))


def _digits(text: str) -> str:
    return _NO_DIGITS.sub("", text).lstrip("0")
