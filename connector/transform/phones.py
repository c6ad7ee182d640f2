"""Convert phone numbers to E.164 by regular expressions for the usual forms, and by phonenumbers for the others.

The patterns are RE2 and Python `re` alike, and are meant for a full match of a text that is already stripped.
They are conservative: a text that none of them matches is simply left to `e164`.
tests/transform/test_phones.py holds every one of them against phonenumbers.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from connector.config.regions import REGIONS
from connector.core.countries import alpha2, names
from connector.transform.invisible import without_invisible
from connector.transform.packed import is_digest, packed, unmarked
from connector.transform.phone_plans import NANP_REGIONS, NATIONAL_NUMBERS

if TYPE_CHECKING:
    import phonenumbers as pn

_STANDS_ALONE = 7
"""The fewest digits of a number that is distinguished from an extension of the one before it."""

_BETWEEN = re.compile(r"[;,|\r\n]|\s+(?=\(?\+)|(?<=[0-9])(?=\+)")
_MAYBE_BETWEEN = re.compile(r"[;,|\r\n/]|\s+(?=\(?\+)|(?<=[0-9])(?=\+)")
_ONE_DIGIT = re.compile(r"[+ .()/-]*(1[+ .()/-]*)?([0-9])(?:[ .()/-]*\2)*[ .()/-]*")


NANP_CODE = 1
_NANP_NUMBER = re.compile(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}")


def phone_digests(text: str, region: str) -> str:
    """Return the packed digests of the numbers in `text`; `region` applies to numbers without a country code."""
    return packed(numbers_of(unmarked(text), region), lambda part: [one] if (one := _e164(part, region)) else [])


def phone_region(text: str | None, default: str) -> str:
    """Return the region (ISO 3166, upper case) of a row's phone numbers, else the default."""
    code = alpha2(text) if text else None
    return code.upper() if code and code.upper() in REGIONS else default


def numbers_of(text: str, region: str) -> list[str]:
    """Split a text into possible numbers, digests and placeholders; a number of one repeated digit is a placeholder.

    A text that is one number as a whole is split only where the parts are numbers too, not extensions or area codes.
    """
    text = without_invisible(text).strip()
    parts = [part for part in map(str.strip, _BETWEEN.split(text)) if part]
    if not _are_several(parts, region):
        parts = [text] if _e164(text, region) else _several(text, region) or parts or [text]
    return ["null" if is_one_digit(part, region) and not is_digest(part) else part for part in parts]


def is_one_digit(text: str, region: str) -> bool:
    """Return whether a number is one repeated digit, perhaps after the country code 1."""
    match, digits = _ONE_DIGIT.fullmatch(text), [one for one in text if one.isdigit()]
    if not match or not match[1] or len(digits) < 2:
        return match is not None and len(digits) > 1
    abroad = text.lstrip(" (").startswith("+")
    return len(set(digits)) == 1 or (len(digits) == 11 and (abroad or region in NANP_REGIONS))


def _several(text: str, region: str) -> list[str]:
    """Return the numbers between strokes or blanks; none unless all parts are numbers."""
    parts = [part for part in map(str.strip, _MAYBE_BETWEEN.split(text)) if part]
    if len(parts) > 1 and all(_stands_alone(part, region) for part in parts):
        return parts
    words = text.split()
    for size in range(1, len(words) // 2 + 1):
        if len(words) % size == 0:
            parts = [" ".join(words[start : start + size]) for start in range(0, len(words), size)]
            if all(_stands_alone(part, region) for part in parts):
                return parts
    return []


def _are_several(parts: list[str], region: str) -> bool:
    if len(parts) < 2 or any("phone-context=" in part for part in parts):
        return False
    return sum(_stands_alone(part, region) for part in parts) > 1


def _stands_alone(part: str, region: str) -> bool:
    if is_digest(part):
        return True
    return sum(map(str.isdigit, part)) >= _STANDS_ALONE and _e164(part, region) is not None


def e164(text: str, region: str) -> str | None:
    """Return the number in E.164 with its plus sign, or None if `text` is not a possible number.

    `region` (ISO 3166, upper case) is where a number without a country code belongs. Possible means of a
    right length for the numbering plan (phonenumbers' IS_POSSIBLE). A number without its area code is none, unless it
    is a valid special number, such as a toll-free one, of the same length. In North America the area code and the
    exchange behind it begin with 2 to 9: others are numbers of elsewhere, or made up. Digits that begin with the
    region's country code, and are a valid number behind it, are read so.
    """
    import phonenumbers as pn

    try:
        number = _with_code(text, pn.parse(text, region), region)
    except pn.NumberParseException:
        return None
    if pn.is_possible_number_with_reason(number) != pn.ValidationResult.IS_POSSIBLE or _lacks_area_code(number):
        return None
    written = str(pn.format_number(number, pn.PhoneNumberFormat.E164))
    return written if number.country_code != NANP_CODE or _NANP_NUMBER.fullmatch(written) else None


def _lacks_area_code(number: "pn.PhoneNumber") -> bool:
    """Return whether a number can be dialled only within its area: it is too short, and not a special number."""
    import phonenumbers as pn

    kinds = (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE)
    results = [pn.is_possible_number_for_type_with_reason(number, kind) for kind in kinds]
    if pn.ValidationResult.IS_POSSIBLE_LOCAL_ONLY not in results or pn.ValidationResult.IS_POSSIBLE in results:
        return False
    return not pn.is_valid_number(number)


def _with_code(text: str, number: "pn.PhoneNumber", region: str) -> "pn.PhoneNumber":
    """Return the number, or the one whose country code of the region was written without a plus.

    Who leaves the plus sign out writes the code first; who means a number of the region, the zero before its area.
    """
    import phonenumbers as pn

    code, digits = str(number.country_code), str(number.national_number)
    if not digits.startswith(code) or digits != "".join(filter(str.isdigit, text)):
        return number
    try:
        other = pn.parse(f"+{digits}", region)
    except pn.NumberParseException:
        return number
    return other if pn.is_valid_number(other) else number


_e164 = lru_cache(64)(e164)
"""Of the same text it is asked more than once in a row."""


def _any_plan() -> str:
    codes: defaultdict[str, list[str]] = defaultdict(list)
    for code, national_number in NATIONAL_NUMBERS.items():
        codes[national_number].append(code)
    plans = (f"{_either(sharing)}{number}" for number, sharing in codes.items())
    return r"\+" + _either(list(plans))


def _either(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


FAST_E164 = _any_plan()
"""Texts that are their own E.164 form, whatever the default region."""

SEPARATORS = " .()-"

NO_DIGIT = r"[\x00-/:-\x7f]*"
"""ASCII texts without a digit: never a phone number."""

_NANP = r"\(?(?:\+?1[ .()-]{0,3})?[2-9](?:[ .()-]{0,3}[0-9]){2}[ .()-]{0,3}[2-9](?:[ .()-]{0,3}[0-9]){6}"


def national_pattern(region: str) -> str | None:
    """Return the pattern of texts that mean `+1` and their last ten digits if `region` is the default, if any.

    Only the regions of the North American plan have one: their national prefix is their country code, and a
    national number never starts with it, so ten or eleven digits can be read in one way only.
    """
    return _NANP if region in NANP_REGIONS else None


def home_spellings(region: str) -> tuple[str, ...]:
    """Return the spellings of countries whose national numbers read like those of `region`, most common first.

    What is not among them is understood all the same, but not by `national_pattern`.
    """
    codes = [region, *sorted(NANP_REGIONS - {region})] if region in NANP_REGIONS else [region]
    usual = [spelling for code in codes[:1] for name in names(code.lower()) for spelling in _cases(name)]
    return tuple(dict.fromkeys([*_cases(region), *usual, *(case for code in codes for case in _cases(code))]))


def _cases(name: str) -> tuple[str, ...]:
    return (name.upper(), name, name.lower())


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
