"""Compute the digests under which a destination may have received a person's e-mail address or phone number."""

from dataclasses import dataclass

from connector.transform.emails import PLAIN, WITHOUT_PLUS, WITHOUT_PLUS_AND_DOTS, email_digests
from connector.transform.packed import unpacked
from connector.transform.phones import phone_digests

EMAIL, AUDIENCE_EMAIL, PHONE = "email", "audience_email", "phone"


@dataclass(frozen=True, slots=True)
class PersonDigest:
    """64 hex digits, and what they were made of: `email` and `phone` as in events, `audience_email` as in audiences
    that have another `email_rule` than `plain`.
    """

    digest: str
    kind: str


def digests_of_email(address: str) -> list[PersonDigest]:
    """Return the digests of an address by every `email_rule`, or of the digest of one; none if it is invalid."""
    plain = unpacked(email_digests(address, PLAIN))
    others = unpacked(email_digests(address, f"{WITHOUT_PLUS},{WITHOUT_PLUS_AND_DOTS}")) if plain else []
    new = [digest for digest in others if digest not in plain]
    return [*(PersonDigest(one, EMAIL) for one in plain), *(PersonDigest(one, AUDIENCE_EMAIL) for one in new)]


def digests_of_phone(number: str, region: str) -> list[PersonDigest]:
    """Return the digest of a number, which is of `region` if it has no country code; none if it is invalid."""
    return [PersonDigest(digest, PHONE) for digest in unpacked(phone_digests(number, region))]
