"""One person's e-mail address or phone number to the digests under which TikTok may have got them."""

from dataclasses import dataclass

import duckdb

from connector.transform.sql.functions import register
from connector.transform.sql.identity import email_digest, is_digest, phone_digest, phone_number
from connector.transform.sql.text import lower, strip

EMAIL, AUDIENCE_EMAIL, PHONE = "email", "audience_email", "phone"


@dataclass(frozen=True, slots=True)
class PersonDigest:
    """64 hex digits, and what they were made of: `email` and `phone` as in events, `audience_email` as in audiences."""

    digest: str
    kind: str


def digests_of_email(address: str) -> list[PersonDigest]:
    """The digests of an address, or of the digest of one as events have it; none where it is no address.

    Source of the audiences' rule, by which a tag after a plus and dots before the @ are dropped at every domain:
    TikTok's page on customer files, restated by several connectors.
    """
    event = _asked(email_digest("given"), address)
    tagless = "split_part(split_part(lowered, '@', 1), '+', 1)"
    plain = f"replace({tagless}, '.', '') || '@' || split_part(lowered, '@', 2)"
    audience = _asked(f"CASE WHEN NOT {is_digest('given')} THEN sha256({plain}) END", address)
    if event is None:
        return []
    return [PersonDigest(event, EMAIL), *([PersonDigest(audience, AUDIENCE_EMAIL)] if audience else [])]


def digests_of_phone(number: str, region: str) -> list[PersonDigest]:
    """The digest of a number, which is of `region` where it has no country code; none where it is no number."""
    e164 = phone_number("given", region)
    digest = _asked(phone_digest("given", e164), number, region)
    return [PersonDigest(digest, PHONE)] if digest else []


def _asked(expression: str, value: str, region: str = "US") -> str | None:
    """What an expression over `given`, the stripped value, and `lowered` comes to."""
    stripped = f"SELECT {strip('value')} AS given FROM (SELECT $1::VARCHAR AS value)"
    sql = f"SELECT {expression} FROM (SELECT given, {lower('given')} AS lowered FROM ({stripped}))"
    with duckdb.connect(config={"threads": 1}) as connection:
        register(connection, region)
        found = connection.execute(sql, [value]).fetchone()
    return str(found[0]) if found and found[0] is not None else None
