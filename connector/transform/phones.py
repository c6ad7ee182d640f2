"""Phone numbers to E.164: which texts a regular expression decides, and phonenumbers for all the others.

The patterns are RE2 and Python `re` alike, and are meant for a full match of a text that is already stripped.
They are conservative: a text that none of them matches is simply left to `e164`.
tests/transform/test_phones.py holds every one of them against phonenumbers.
"""

from collections import defaultdict

from connector.transform.phone_plans import NANP_REGIONS, NATIONAL_NUMBERS


def e164(text: str, region: str) -> str | None:
    """The number in E.164 with its plus sign, or None when `text` is no possible number.

    `region` (ISO 3166, upper case) is where a number without a country code belongs. Possible means of a
    right length for the numbering plan (phonenumbers' IS_POSSIBLE); one to be dialled locally only is not.
    """
    import phonenumbers as pn

    try:
        number = pn.parse(text, region)
    except pn.NumberParseException:
        return None
    if pn.is_possible_number_with_reason(number) != pn.ValidationResult.IS_POSSIBLE:
        return None
    return str(pn.format_number(number, pn.PhoneNumberFormat.E164))


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

SPACED_E164 = r"\+[0-9](?:[ .()-]{0,3}[0-9])+"
"""Texts with a country code that mean the same without what stands between their digits, `SEPARATORS`."""

SEPARATORS = " .()-"

NO_DIGIT = r"[\x00-/:-\x7f]*"
"""ASCII texts without a digit: never a phone number."""

_NANP = r"\(?(?:\+?1[ .()-]{0,3})?[2-9](?:[ .()-]{0,3}[0-9]){9}"


def national_pattern(region: str) -> str | None:
    """Texts that stand for `+1` and their last ten digits when `region` is the default, if there are any.

    Only the regions of the North American plan have one: their national prefix is their country code, and a
    national number never starts with it, so ten or eleven digits can be read in one way only.
    """
    return _NANP if region in NANP_REGIONS else None
