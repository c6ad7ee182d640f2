"""Identifiers of a person: normalised, checked and hashed.

Source: TikTok's `/event/track/` page for normalising (agreed by several sources); that a value of
64 hex digits is a digest is every connector's rule.
"""

from connector.transform.phones import FAST_E164, NO_DIGIT, SEPARATORS, SPACED_E164, national_pattern
from connector.transform.sql.functions import E164
from connector.transform.sql.text import WHITE_SPACE_CLASS, lower, quote
from connector.vocabulary import EMPTY_DIGEST

_ANY, _END = f"[^@{WHITE_SPACE_CLASS}]", f"[^@.{WHITE_SPACE_CLASS}]"
EMAIL = f"{_ANY}+@{_END}{_ANY}*[.]{_ANY}*{_END}"
"""One @, something before it, a domain with a dot in it but not at its ends, no white space."""


def without_empty_digest(column: str) -> str:
    """NULL where the digest of the empty string was given: other tools' way to say that there is nothing."""
    return f"CASE WHEN strlen({column}) = 64 AND lower({column}) = '{EMPTY_DIGEST}' THEN NULL ELSE {column} END"


def is_digest(column: str) -> str:
    """Whether `column` is a SHA-256 in hex already."""
    return f"(strlen({column}) = 64 AND regexp_full_match({column}, '[0-9a-fA-F]{{64}}'))"


def email_digest(column: str) -> str:
    """An address that can exist: lower-cased and hashed; else NULL."""
    return (
        f"CASE WHEN regexp_full_match({column}, {quote(EMAIL)}) THEN sha256({lower(column)})"
        f" WHEN {is_digest(column)} THEN lower({column}) END"
    )


def unspaced(column: str) -> str:
    """A phone number with a country code, without what stands between its digits; other texts as they are."""
    spaced = f"regexp_full_match({column}, {quote(SPACED_E164)})"
    without = f"CASE WHEN {spaced} THEN translate({column}, {quote(SEPARATORS)}, '') ELSE {column} END"
    return f"CASE WHEN starts_with({column}, '+') THEN {without} ELSE {column} END"


def phone_number(column: str, region: str, unspaced_column: str | None = None) -> str:
    """E.164 with the plus sign; NULL for what is no possible number, and for digests.

    Where `unspaced_column` holds what `unspaced` makes of `column`, fewer numbers are left to phonenumbers.
    """
    plain = unspaced_column or column
    national = national_pattern(region)
    formatted = (
        f" WHEN regexp_full_match({column}, {quote(national)})"
        f" THEN '+1' || right(translate({column}, {quote(SEPARATORS + '+')}, ''), 10)"
        if national
        else ""
    )
    return (
        f"CASE WHEN regexp_full_match({plain}, {quote(FAST_E164)}) THEN {plain}{formatted}"
        f" WHEN {column} IS NULL OR {is_digest(column)} THEN NULL"
        f" WHEN regexp_full_match({column}, {quote(NO_DIGIT)}) THEN NULL ELSE {E164}({column}) END"
    )


def phone_digest(column: str, number: str) -> str:
    """The digest of `number`, else of `column` where that is a digest already; else NULL."""
    return f"CASE WHEN {number} IS NOT NULL THEN sha256({number}) WHEN {is_digest(column)} THEN lower({column}) END"


def text_digest(column: str) -> str:
    """The digest of a value that needs no checking."""
    return f"CASE WHEN {is_digest(column)} THEN lower({column}) ELSE sha256({column}) END"


def cleaned_name(column: str) -> str:
    """A person's name without punctuation, lower-cased; digests as they are."""
    return (
        f"CASE WHEN {is_digest(column)} THEN {column}"
        rf" ELSE regexp_replace({lower(column)}, '\p{{P}}', '', 'g') END"
    )


def cleaned_place(column: str) -> str:
    """A city or state without white space and punctuation, lower-cased; nothing left: NULL."""
    return rf"nullif(regexp_replace({lower(column)}, '[{WHITE_SPACE_CLASS}\p{{P}}]', '', 'g'), '')"


def cleaned_zip(column: str) -> str:
    """A postal code without white space and hyphens, lower-cased; digests as they are."""
    return (
        f"CASE WHEN {is_digest(column)} THEN {column}"
        rf" ELSE nullif(regexp_replace({lower(column)}, '[{WHITE_SPACE_CLASS}-]', '', 'g'), '') END"
    )
