"""E-mail, phone, external id: what is valid, what is hashed, what counts as absent."""

from decimal import Decimal

import pyarrow as pa

from tests.golden.case import (
    DROP,
    FLOAT,
    JANE,
    JOHN,
    NOTHING,
    PHONE,
    TEXT,
    TEXTS,
    USER_123,
    Case,
    offline,
    online,
    refused,
    refused_online,
    settings,
)

ALICE = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
ANN_TAG = "e9e0c33f8021c271e61936dae66517c02d803c1b3e45b9ad5783abf9625677f0"
JUERGEN = "ade92ed8322c4edc818c46ec81985bfad9c58fb9443f8f108ddc0edee53ea96f"
IREM = "ec5c2d02e54b84a7278bed6fde2679f8b37f55d4358bbee6cf17123ef3d47b2c"
SIGMA = "266160949bbfd7920494fdf7d8b2e11735118c25993b739aed44abcc878e91b6"
TIKTOK_PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
LONDON = "faad3b10918e39b5f4d5334f1e1e128719608e8bd3ad3b963dc30187b4518e23"
FLOWERS = "b7092830a46827b527d318de83143f775c6e79c3705294510f12c964302ceffd"
NUMBER_7 = "629f4cf9337b0d0c76f305d860f98894cfa8c279516b425747514ca8710deb97"
NUMBER_42 = "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049"
LARGEST_EXACT = "f40b423c2dd95ff2b2f027e22208f438cf7242862e5e746860e697308c9add26"
USER_UPPER = "e40649be2376c2d87395d79091b082b7313f8326a4d9c27da52dec8253eaca92"


def email(value: object) -> dict[str, object]:
    return {"user": {"email": value}}


def phone(value: object) -> dict[str, object]:
    return {"user": {"email": DROP, "phone": value}}


BY_PHONE = {"email": DROP}
WHITE = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
"""Every kind of white space that `str.strip` removes."""

NOT_EMAILS = {
    "without an at": "jane.example.com",
    "with two ats": "jane@doe@example.com",
    "with nothing before the at": "@example.com",
    "without a dot in the domain": "jane@localhost",
    "with a domain that starts with a dot": "jane@.com",
    "with a domain that ends with a dot": "jane@example.",
    "with a blank inside": "jane doe@example.com",
    "with a no-break space inside": "jane\u00a0doe@example.com",
    "with a line break inside": "jane@exam\nple.com",
    "with an information separator inside": "ja\x1fne@example.com",
    "without a domain": "jane@",
    "of one at": "@",
    "of 63 hexadecimal digits": "a" * 63,
    "of 65 hexadecimal digits": "a" * 65,
    "of 64 characters, one not hexadecimal": "g" + "a" * 63,
}
NOT_PHONES = {
    "too short": "12345",
    "local only": "555-0100",
    "too long": "+1 206 555 01000",
    "of no country": "+999 206 555 0100",
    "of words": "no phone",
    "of one digit": "7",
    "a dash": "-",
}

CASES: list[Case] = [
    offline("the API page's e-mail vector", {"email": " ALICE_abc@gmail.com "}, email(ALICE)),
    offline("the API page's phone vector", BY_PHONE | {"phone": "(+1)2133734253"}, phone(TIKTOK_PHONE)),
    online("the API page's external id vector", {"external_id": "user_123"}, {"user": {"external_id": USER_123}}),
    offline("plus-tag and dots of an e-mail are kept", {"email": "Ann+Tag.X@example.com"}, email(ANN_TAG)),
    offline("an e-mail may have letters of any script", {"email": "JÜRGEN@EXÄMPLE.DE"}, email(JUERGEN)),
    offline("a capital I with a dot is lowered to two characters", {"email": "İREM@example.com"}, email(IREM)),
    offline("a final sigma is lowered to its final form", {"email": "ΣΑΣ@example.gr"}, email(SIGMA)),
    offline("all Unicode white space is stripped", {"email": f"{WHITE}jane@example.com{WHITE}"}, email(JANE)),
    offline("a digest is taken as it is", {"email": JANE}, email(JANE)),
    offline("a digest in capitals is lowered, not hashed", {"email": JANE.upper()}, email(JANE)),
    offline("a digest with white space around is a digest", {"email": f" {JANE}\n"}, email(JANE)),
    offline("a phone digest in capitals is lowered", BY_PHONE | {"phone": PHONE.upper()}, phone(PHONE)),
    offline("64 decimal digits are a digest even of a phone", BY_PHONE | {"phone": "1" * 64}, phone("1" * 64)),
    online(
        "an external id's digest is lowered",
        {"external_id": USER_123.upper()},
        {"user": {"external_id": USER_123}},
    ),
    offline(
        "the digest of nothing is absent beside a phone",
        {"email": NOTHING, "phone": "2065550100"},
        phone(PHONE),
    ),
    refused("the digest of nothing alone is a missing identity", {"email": NOTHING}, "missing_identity"),
    refused("the digest of nothing in capitals as well", {"email": NOTHING.upper()}, "missing_identity"),
    refused("a blank e-mail is a missing identity", {"email": WHITE}, "missing_identity"),
    refused("no identity column is a missing identity", {"email": DROP}, "missing_identity"),
    refused("null is a missing identity", {"email": (TEXT, [None])}, "missing_identity"),
    refused("an empty list is a missing identity", {"email": (TEXTS, [[]])}, "missing_identity"),
    refused(
        "a list of blanks is a missing identity",
        {"email": (TEXTS, [[None, " ", NOTHING]])},
        "missing_identity",
    ),
    refused("offline, an external id is no identity", BY_PHONE | {"external_id": "user_123"}, "missing_identity"),
    *(
        refused(f"an e-mail {how} is invalid", {"email": text}, "invalid_identity", warnings={"invalid_email": 1})
        for how, text in NOT_EMAILS.items()
    ),
    *(
        refused(
            f"a phone {how} is invalid",
            BY_PHONE | {"phone": text},
            "invalid_identity",
            warnings={"invalid_phone": 1},
        )
        for how, text in NOT_PHONES.items()
    ),
    offline(
        "an invalid e-mail is dropped where a phone is valid",
        {"email": "jane", "phone": "2065550100"},
        phone(PHONE),
        warnings={"invalid_email": 1},
    ),
    offline(
        "an invalid phone is dropped where an e-mail is valid",
        {"phone": "12345"},
        warnings={"invalid_phone": 1},
    ),
    refused(
        "two invalid kinds of identity are two warnings and one reason",
        {"email": "jane", "phone": "12345"},
        "invalid_identity",
        warnings={"invalid_email": 1, "invalid_phone": 1},
    ),
    refused(
        "a warning counts a row once",
        {"email": (TEXTS, [["jane", "john"]])},
        "invalid_identity",
        warnings={"invalid_email": 1},
    ),
    offline(
        "of a list the valid ones stay",
        {"email": (TEXTS, [["jane@example.com", "jane", None, ""]])},
        warnings={"invalid_email": 1},
    ),
    offline(
        "a list becomes an array in its own order",
        {"email": (TEXTS, [["john@example.com", "jane@example.com"]])},
        email([JOHN, JANE]),
    ),
    offline(
        "what hashes alike is sent once",
        {"email": (TEXTS, [["john@example.com", "JANE@example.com", " jane@example.com", JANE.upper()]])},
        email([JOHN, JANE]),
    ),
    offline("one distinct digest is a string", {"email": (TEXTS, [["jane@example.com", JANE]])}, email(JANE)),
    offline("a large list is a list", {"email": (pa.large_list(pa.large_string()), [["jane@example.com"]])}),
    offline(
        "email and emails are both taken, in the catalogue's order",
        {"emails": (TEXTS, [["john@example.com"]])},
        email([JANE, JOHN]),
    ),
    offline("emails alone", {"email": DROP, "emails": "jane@example.com"}),
    offline(
        "phone, phones and phone_numbers are all taken",
        BY_PHONE
        | {
            "phone_numbers": "+44 20 7946 0018",
            "phones": (TEXTS, [["(+1)2133734253"]]),
            "phone": "2065550100",
        },
        phone([PHONE, TIKTOK_PHONE, LONDON]),
    ),
    offline("a phone with an extension", BY_PHONE | {"phone": "+1 206 555 0100 ext. 12"}, phone(PHONE)),
    offline("a phone with letters", BY_PHONE | {"phone": "1-800-FLOWERS"}, phone(FLOWERS)),
    offline("a phone with 011 in front", BY_PHONE | {"phone": "011 44 20 7946 0018"}, phone(LONDON)),
    offline("a phone in full-width digits", BY_PHONE | {"phone": "２０６５５５０１００"}, phone(PHONE)),
    *(
        offline(f"an American phone as {text}", BY_PHONE | {"phone": text}, phone(PHONE))
        for text in (
            "2065550100",
            "(206) 555-0100",
            "206.555.0100",
            "1-206-555-0100",
            "+1 206 555 0100",
            "12065550100",
        )
    ),
    offline(
        "a phone without a country code takes the default region",
        BY_PHONE | {"phone": "020 7946 0018"},
        phone(LONDON),
        settings=settings(default_region="GB"),
    ),
    offline(
        "a country code outweighs the default region",
        BY_PHONE | {"phone": "+1 206 555 0100"},
        phone(PHONE),
        settings=settings(default_region="GB"),
    ),
    offline("a whole number is a phone", BY_PHONE | {"phone": 12065550100}, phone(PHONE)),
    offline("a float without a fraction is a phone", BY_PHONE | {"phone": 2065550100.0}, phone(PHONE)),
    offline(
        "a decimal without a fraction is a phone",
        BY_PHONE | {"phone": (pa.decimal128(20, 2), [Decimal("2065550100.00")])},
        phone(PHONE),
    ),
    online(
        "an external id alone identifies a web event",
        {"email": DROP, "external_id": "user_123"},
        {"user": {"email": DROP, "external_id": USER_123}},
    ),
    online("an external id keeps its case", {"external_id": " User_123 "}, {"user": {"external_id": USER_UPPER}}),
    online("an external id keeps its zeros", {"external_id": "007"}, {"user": {"external_id": NUMBER_7}}),
    online("a numeric external id is its digits", {"external_id": 42}, {"user": {"external_id": NUMBER_42}}),
    online("a whole float external id is its digits", {"external_id": 42.0}, {"user": {"external_id": NUMBER_42}}),
    online(
        "an external id with digits lost is left out",
        {"external_id": 2.0**53},
        {},
        warnings={"invalid_external_id": 1},
    ),
    online(
        "of several external ids, those that are exact are sent",
        {"email": DROP, "external_id": (pa.list_(FLOAT), [[42.0, 1e18, 2.0**53 - 1]])},
        {"user": {"email": DROP, "external_id": [NUMBER_42, LARGEST_EXACT]}},
        warnings={"invalid_external_id": 1},
    ),
    refused_online(
        "an external id with digits lost alone",
        {"email": DROP, "external_id": 1e18},
        "invalid_identity",
        warnings={"invalid_external_id": 1},
    ),
    refused("a phone with digits lost", BY_PHONE | {"phone": 1e16}, "invalid_identity", warnings={"invalid_phone": 1}),
    refused_online(
        "web without any identity", {"email": DROP, "external_id": " ", "ip": "8.8.8.8"}, "missing_identity"
    ),
    offline("offline leaves an external id out", {"external_id": "user_123"}),
]
