"""Identifiers of an audience's members: normalised, checked and hashed otherwise than those of events.

Source: TikTok's section on e-mail normalisation for audiences, as several vendors restate it (agreed): lower-case,
without a `+tag`, without dots before the @, whatever the domain. That advertising ids are trimmed and lower-cased is
what two vendors do; TikTok's own rule is not known.
"""

from connector.transform.sql.identity import EMAIL, is_digest, phone_digest, phone_number
from connector.transform.sql.text import lower, quote

DEVICE_ID = "[0-9a-fA-F-]{30,36}"
"""Hex digits and hyphens. TikTok's own sample is shorter than a UUID, so the form is not looked at more closely."""

NO_DEVICE = "[0-]+"
"""What a phone gives whose owner does not want to be known."""

APPLE = ("idfa", "ios", "ipados", "apple", "iphone", "ipad")
ANDROID = ("aaid", "gaid", "adid", "android", "google")
"""What `maid_type` may say."""


def member_email(column: str) -> str:
    """The digest of an address as audiences know it; digests as they are; else NULL."""
    address = lower(column)
    name = f"replace(regexp_replace(split_part({address}, '@', 1), '[+].*', ''), '.', '')"
    hashed = f"CASE WHEN {name} <> '' THEN sha256({name} || '@' || split_part({address}, '@', 2)) END"
    return (
        f"CASE WHEN regexp_full_match({column}, {quote(EMAIL)}) THEN {hashed}"
        f" WHEN {is_digest(column)} THEN lower({column}) END"
    )


def member_phone(column: str, region: str, unspaced_column: str | None = None) -> str:
    """The digest of a number in E.164; digests as they are; else NULL. See `phone_number`."""
    return phone_digest(column, phone_number(column, region, unspaced_column))


def member_device(column: str, case: str) -> str:
    """The digest of an advertising id in `lower` or `upper` case; digests as they are; else NULL."""
    return (
        f"CASE WHEN regexp_full_match({column}, '{DEVICE_ID}') THEN sha256({case}({column}))"
        f" WHEN {is_digest(column)} THEN lower({column}) END"
    )


def without_nobody(column: str) -> str:
    """NULL for the advertising id that stands for none."""
    return f"CASE WHEN regexp_full_match({column}, '{NO_DEVICE}') THEN NULL ELSE {column} END"


def device_kind(column: str) -> str:
    """`idfa` or `aaid`, by what `maid_type` says; NULL for anything else."""
    words = {"idfa": APPLE, "aaid": ANDROID}
    branches = " ".join(
        f"WHEN lower({column}) IN ({', '.join(map(quote, of))}) THEN '{kind}'" for kind, of in words.items()
    )
    return f"CASE {branches} END"
