"""Normalise, check and hash the advertising ids of an audience's members.

That advertising ids are trimmed and lower-cased is what two vendors do; the platform's own rule is not known.
"""

from connector.transform.packed import INVALID, PLACEHOLDER
from connector.transform.sql.identity import UNMARKED, given_digest, is_digest
from connector.transform.sql.text import quote

DEVICE_ID = "[0-9a-fA-F-]{30,36}"
"""Hex digits and hyphens. The platform's own sample is shorter than a UUID, so the form is not checked further."""

NO_DEVICE = "[0-]+"
"""What a phone gives whose owner does not want to be known."""

APPLE = ("idfa", "ios", "ipados", "apple", "iphone", "ipad")
ANDROID = ("aaid", "gaid", "adid", "android", "google")
"""What `maid_type` may say."""


def packed_device(column: str, case: str) -> str:
    """Return the packed digest of an advertising id in `lower` or `upper` case; the id of zeros counts as absent."""
    return (
        f"CASE WHEN {column} < {UNMARKED} THEN '{PLACEHOLDER}' WHEN regexp_full_match({column}, '{NO_DEVICE}') THEN ''"
        f" WHEN regexp_full_match({column}, '{DEVICE_ID}') THEN sha256({case}({column}))"
        f" WHEN {is_digest(column)} THEN {given_digest(column)} WHEN {column} IS NOT NULL THEN '{INVALID}' END"
    )


def device_kind(column: str) -> str:
    """Return `idfa` or `aaid` for a `maid_type`; NULL for anything else."""
    words = {"idfa": APPLE, "aaid": ANDROID}
    branches = " ".join(
        f"WHEN lower({column}) IN ({', '.join(map(quote, of))}) THEN '{kind}'" for kind, of in words.items()
    )
    return f"CASE {branches} END"
