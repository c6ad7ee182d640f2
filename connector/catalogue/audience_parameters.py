"""The parameters of audiences: the identifiers of a person.

Source: the segment API, as in its SDK and in the code of several vendors. `transform/member_compiler` has the rules
for normalising.
"""

from connector.catalogue.parameter import AUDIENCE, Kind, Parameter

AUDIENCE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "email",
        ("email", "emails"),
        ("EMAIL_SHA256",),
        Kind.EMAIL,
        "as in events, then in the form of `email_rule`",
        AUDIENCE,
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "phone",
        ("phone", "phones", "phone_numbers"),
        ("PHONE_SHA256",),
        Kind.PHONE,
        "E.164 with the plus sign, SHA-256; several in one text are several",
        AUDIENCE,
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "phone_region",
        ("phone_region",),
        (),
        Kind.REGION,
        "country of phone numbers without a country code; else `country`, else the destination's `default_region`",
        AUDIENCE,
    ),
    Parameter(
        "country",
        ("country",),
        (),
        Kind.REGION,
        "country of phone numbers without a country code, where there is no `phone_region`",
        AUDIENCE,
    ),
    Parameter(
        "idfa",
        ("idfa", "idfas"),
        ("IDFA_SHA256",),
        Kind.DEVICE,
        "Apple's advertising id, trimmed, in the case of `device_id_case`, SHA-256",
        AUDIENCE,
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "aaid",
        ("aaid", "aaids", "gaid"),
        ("AAID_SHA256",),
        Kind.DEVICE,
        "Android's advertising id, likewise",
        AUDIENCE,
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "maid",
        ("maid",),
        ("IDFA_SHA256 or AAID_SHA256",),
        Kind.DEVICE,
        "an advertising id of either kind; `maid_type` says which",
        AUDIENCE,
        hashed=True,
        personal=True,
    ),
    Parameter(
        "maid_type",
        ("maid_type",),
        (),
        Kind.DEVICE_TYPE,
        "`idfa` or `ios`; `aaid`, `gaid` or `android`",
        AUDIENCE,
    ),
)
