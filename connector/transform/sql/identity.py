"""Normalise, check and hash the identifiers of a person.

Source: the `/event/track/` page of the Events API for normalising (agreed by several sources); that a value of
64 hex digits is a digest is every connector's rule. What a text holds is given in the form that `packed.py` describes.
"""

from collections.abc import Iterable

import pyarrow as pa

from connector.catalogue.vocabulary import EMPTY_DIGEST, PLACEHOLDER_DIGESTS, PLACEHOLDERS
from connector.core.countries import ALPHA2
from connector.transform.derived import national_column, number_column
from connector.transform.emails import LONGEST_NAME, PLAIN, WITHOUT_PLUS_AND_DOTS
from connector.transform.packed import DIGEST_LENGTH, INVALID, PLACEHOLDER
from connector.transform.phones import FAST_E164, NO_DIGIT, SEPARATORS, home_spellings, national_pattern
from connector.transform.sql.functions import COUNTRY_CODE, EMAIL_DIGESTS, PHONE_DIGESTS, PHONE_DIGESTS_IN, POSTAL_CODE
from connector.transform.sql.text import WHITE_SPACE_CLASS, is_code, is_text, lower, quote, text_of

_ATOM = "[a-zA-Z0-9_+-]+"
_LABEL = "[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
EMAIL = f"{_ATOM}(?:[.]{_ATOM})*@(?:{_LABEL}[.])+[a-zA-Z]{{2,}}"
"""An address with nothing around it. What does not match is left to `emails.py`, by which few are addresses."""

MARKED = "chr(0)"
"""The mark of a possible placeholder, which `stripped.py` puts before texts."""
UNMARKED = "chr(1)"
"""Above all texts that are marked, and below all others."""
INEXACT = UNMARKED
"""The text of a floating-point number that may have lost digits: no text that is cleaned can be it."""

FIRST_INEXACT = 2**53
"""From here on, a double is the nearest of several whole numbers."""

_OFTEN_NAMED = ("us", "gb", "ca", "de", "fr", "jp", "br", "mx", "id", "au")
_ONE_DIGIT = "|".join(f"{digit}+" for digit in range(10))


def can_be_marked(kind: pa.DataType) -> bool:
    """Return whether values that are no phone number may be marked in a column of this type."""
    return is_text(kind) or pa.types.is_floating(kind)


def identifier_text(column: str, kind: pa.DataType, *, number: bool) -> str:
    """Return the text of a column of identifiers, marked likewise; INEXACT if it may have lost digits."""
    text = marked_text(column, kind, number=number)
    return f"CASE WHEN {is_inexact(column)} THEN {INEXACT} ELSE {text} END" if pa.types.is_floating(kind) else text


def marked_text(column: str, kind: pa.DataType, *, number: bool = False) -> str:
    """Return the text of a column, marked if it is no number or, for a phone `number`, has one repeated digit."""
    text = text_of(column, kind)
    if pa.types.is_floating(kind):
        return f"CASE WHEN isnan({column}) THEN {MARKED} ELSE {text} END"
    if number and not is_text(kind):
        return f"CASE WHEN regexp_full_match({text}, '{_ONE_DIGIT}') THEN {MARKED} || {text} ELSE {text} END"
    return text


def is_inexact(column: str) -> str:
    """Return the condition that a floating-point number may have lost digits of a whole number."""
    return f"coalesce(isfinite({column}) AND abs({column}) >= {FIRST_INEXACT}, false)"


def without_empty_digest(column: str) -> str:
    """Replace the digest of the empty string, with which other tools mean no value, by NULL."""
    return f"CASE WHEN strlen({column}) = 64 AND lower({column}) = '{EMPTY_DIGEST}' THEN NULL ELSE {column} END"


def is_digest(column: str) -> str:
    """Return whether `column` is a SHA-256 in hex already."""
    return f"(strlen({column}) = 64 AND regexp_full_match({column}, '[0-9a-fA-F]{{64}}'))"


def given_digest(column: str) -> str:
    """Return the packed form of a digest."""
    return (
        f"CASE WHEN lower({column}) = '{EMPTY_DIGEST}' THEN ''"
        f" WHEN contains('{' '.join(sorted(PLACEHOLDER_DIGESTS))}', lower({column})) THEN '{PLACEHOLDER}'"
        f" ELSE lower({column}) END"
    )


def packed_email(column: str, rules: tuple[str, ...] = (PLAIN,)) -> str:
    """Return the packed digests of the addresses in a text by each rule; NULL for NULL. See `packed`."""
    hashed = [_address_digest(lower(column), rule) for rule in rules]
    usual = hashed[0] if len(hashed) == 1 else f"concat({', '.join(hashed)})"
    is_usual = f"strlen({column}) <= {LONGEST_NAME} AND regexp_full_match({column}, {quote(EMAIL)})"
    return (
        f"CASE WHEN {is_usual} THEN {usual} WHEN {column} IS NULL THEN NULL"
        f" WHEN {is_digest(column)} THEN {given_digest(column)}"
        f" WHEN strlen({column}) < {DIGEST_LENGTH} AND NOT contains({column}, '@') THEN {_nothing(column)}"
        f" ELSE {EMAIL_DIGESTS}({column}, {quote(','.join(rules))}) END"
    )


def _address_digest(address: str, rule: str) -> str:
    if rule == PLAIN:
        return f"sha256({address})"
    name = f"regexp_replace(split_part({address}, '@', 1), '[+].*', '')"
    name = f"replace({name}, '.', '')" if rule == WITHOUT_PLUS_AND_DOTS else name
    return f"CASE WHEN {name} <> '' THEN sha256({name} || '@' || split_part({address}, '@', 2)) ELSE '' END"


def country_code(small: str) -> str:
    """Return the two-letter code of a country's code or name in lower case; NULL for anything else."""
    known = is_code(small, dict.fromkeys((*_OFTEN_NAMED, *ALPHA2)))
    return f"CASE WHEN {known} THEN {small} WHEN {small} IS NOT NULL THEN {COUNTRY_CODE}({small}) END"


def number_of_column(text: str, index: int, kind: pa.DataType, region: str, country: str | None) -> str:
    """Return the `phone_number` of a column of the result; texts and whole numbers are read by column."""
    if not (is_text(kind) or pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)):
        return phone_number(text, region, country)
    number, national = number_column(f"c{index}"), national_column(f"c{index}")
    marked = "" if is_text(kind) else f"WHEN {text} < {UNMARKED} THEN NULL "
    formatted = f" WHEN {_is_home(country, region)}true THEN {national}" if national_pattern(region) else ""
    return f"CASE {marked}WHEN {number} IS NOT NULL THEN {number}{formatted} END"


def phone_number(column: str, region: str, country: str | None = None) -> str:
    """Return E.164 with the plus sign if a pattern matches; NULL for texts that are left to phonenumbers.

    `country` is where the row says that numbers without a country code belong, if it does.
    """
    national = national_pattern(region)
    formatted = (
        f" WHEN {_is_home(country, region)}regexp_full_match({column}, {quote(national)})"
        f" THEN '+1' || right(translate({column}, {quote(SEPARATORS + '+')}, ''), 10)"
        if national
        else ""
    )
    return f"CASE WHEN regexp_full_match({column}, {quote(FAST_E164)}) THEN {column}{formatted} END"


def packed_phone(column: str, number: str, country: str | None = None) -> str:
    """Return the packed digests of the phone numbers in a text; `number` is its E.164 form, if known."""
    asked = f"{PHONE_DIGESTS_IN}({column}, {country})" if country else f"{PHONE_DIGESTS}({column})"
    return (
        f"CASE WHEN {number} IS NOT NULL THEN sha256({number}) WHEN {column} IS NULL THEN NULL"
        f" WHEN {is_digest(column)} THEN {given_digest(column)}"
        f" WHEN regexp_full_match({column}, {quote(NO_DIGIT)}) THEN {_nothing(column)}"
        f" ELSE {asked} END"
    )


def _nothing(column: str) -> str:
    """Return the packed form of a text that can contain neither a value nor a digest."""
    is_word = f"contains({_lines(PLACEHOLDERS)}, chr(10) || lower({column}) || chr(10))"
    return f"CASE WHEN {is_word} THEN '{PLACEHOLDER}' ELSE '{INVALID}' END"


def packed_text(column: str) -> str:
    """Return the packed digest of a value that needs no check and may be marked."""
    nothing = f"CASE WHEN {column} = {INEXACT} THEN '{INVALID}' ELSE '{PLACEHOLDER}' END"
    given = f"WHEN {is_digest(column)} THEN {given_digest(column)}"
    return f"CASE WHEN {column} <= {INEXACT} THEN {nothing} {given} ELSE sha256({column}) END"


def _is_home(country: str | None, region: str) -> str:
    if country is None:
        return ""
    first, *others = home_spellings(region)
    other = f"contains({_lines(others)}, chr(10) || {country} || chr(10))"
    return f"({country} IS NULL OR {country} = {quote(first)} OR {other}) AND "


def _lines(texts: Iterable[str]) -> str:
    """Join texts by line breaks, so that one search replaces a comparison with each."""
    return quote("\n".join(("", *texts, "")))


def digests_in(packed: str) -> str:
    """Return the digests of a packed text, NULL if there are none. Nearly all are one digest, and are kept."""
    some = f"WHEN strlen({packed}) > {DIGEST_LENGTH} THEN left({packed}, strlen({packed}) & ~{DIGEST_LENGTH - 1})"
    return f"CASE WHEN strlen({packed}) = {DIGEST_LENGTH} THEN {packed} {some} END"


def has_invalid(packed: str) -> str:
    """Return the condition that a part of what was packed is not valid."""
    return _has(packed, len(INVALID))


def has_placeholder(packed: str) -> str:
    """Return the condition that a part of what was packed stands for nothing."""
    return _has(packed, len(PLACEHOLDER))


def _has(packed: str, bit: int) -> str:
    return f"coalesce((strlen({packed}) & {bit}) <> 0, false)"


def digest_list(packed: str) -> str:
    """Return the digests of a packed text, or of several joined ones, as a list."""
    return f"regexp_extract_all({packed}, '[0-9a-f]{{{DIGEST_LENGTH}}}')"


def split_digests(digests: str) -> str:
    """Split consecutive digests into a list, without a pattern that has to be compiled for each slice."""
    return (
        f"list_transform(range(1, strlen({digests}), {DIGEST_LENGTH}), lambda x: substr({digests}, x, {DIGEST_LENGTH}))"
    )


def text_digest(column: str) -> str:
    """Return the digest of a value that needs no check."""
    return f"CASE WHEN {is_digest(column)} THEN lower({column}) ELSE sha256({column}) END"


def cleaned_name(column: str) -> str:
    """Return a person's name in lower case without punctuation; digests as they are."""
    return (
        f"CASE WHEN {is_digest(column)} THEN {column}"
        rf" ELSE regexp_replace({lower(column)}, '\p{{P}}', '', 'g') END"
    )


def cleaned_place(column: str) -> str:
    """Return a city or state in lower case without white space and punctuation; NULL if nothing is left."""
    return rf"nullif(regexp_replace({lower(column)}, '[{WHITE_SPACE_CLASS}\p{{P}}]', '', 'g'), '')"


def cleaned_zip(column: str) -> str:
    """Return a postal code in lower case without white space and hyphens, with ASCII digits; digests as they are."""
    ascii_only = f"strlen({column}) = length({column})"
    small = f"CASE WHEN {ascii_only} THEN lower({column}) ELSE {POSTAL_CODE}({column}) END"
    return (
        f"CASE WHEN {is_digest(column)} THEN {column}"
        rf" ELSE nullif(regexp_replace({small}, '[{WHITE_SPACE_CLASS}-]', '', 'g'), '') END"
    )
