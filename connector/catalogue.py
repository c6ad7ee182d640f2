"""The parameter catalogues: one entry per parameter, read by mapping, validation, docs and simulator.

Source of the fields: TikTok's `/event/track/` reference page (agreed by several sources) and the
column names that two vendors' pages use for the same fields.
"""

from dataclasses import dataclass
from enum import StrEnum

BOTH = frozenset({"web", "offline"})
WEB = frozenset({"web"})
AUDIENCE = frozenset({"audience"})

_INVISIBLE = "".join(map(chr, [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF]))
"""Soft hyphen, zero width characters, direction marks, byte order mark."""


def column_name(name: str) -> str:
    """Return a column's name without white space and invisible characters at its ends."""
    before = None
    while name != before:
        before, name = name, name.strip().strip(_INVISIBLE)
    return name


class Kind(StrEnum):
    """How a parameter's column is read, and what is done with its value."""

    ROUTE = "route"
    EVENT = "event"
    TIMESTAMP = "timestamp"
    EMAIL = "email"
    PHONE = "phone"
    EXTERNAL_ID = "external_id"
    DEVICE = "device"
    DEVICE_TYPE = "device_type"
    ID = "id"
    REGION = "region"
    NAME = "name"
    ZIP = "zip"
    PLACE = "place"
    COUNTRY = "country"
    IP = "ip"
    URL = "url"
    TEXT = "text"
    CURRENCY = "currency"
    CHANNEL = "channel"
    AMOUNT = "amount"
    QUANTITY = "quantity"


class Plain(StrEnum):
    """What happens to an e-mail address or a phone number in the text of a parameter that is not an identifier.

    A phone number is known by its plus sign; in a TEXT by brackets and hyphens too, which elsewhere are at home; and an
    ID by being the phone number of its row.
    """

    AS_GIVEN = "as_given"
    """Nothing: the value is hashed, or one of a list, or made by TikTok or a browser."""
    TEXT = "text"
    """It is taken out: no plain address leaves the process."""
    ADDRESS = "address"
    """It is taken out likewise, of the address of a page or the name of a browser; the rest stays."""
    WHOLE = "whole"
    """The whole value is left out: without a part of it, it would be of no use."""
    ID = "id"
    """The value is replaced by part of its SHA-256, so that it stays distinct."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: where its value comes from, what is done with it and where it goes.

    `columns` are the accepted column names, the parameter's own name first; `path` is its place
    in the event's JSON object (empty for the request root). `personal` values identify a person
    or a device and never reach a rejected row. `many` takes several columns or a list.
    """

    name: str
    columns: tuple[str, ...]
    path: tuple[str, ...]
    kind: Kind
    rule: str
    sources: frozenset[str] = BOTH
    hashed: bool = False
    personal: bool = False
    many: bool = False
    default: str | None = None
    plain: Plain = Plain.AS_GIVEN


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("event_source", ("event_source",), (), Kind.ROUTE, "`web` or `offline`; else the destination's"),
    Parameter(
        "event_source_id",
        ("event_source_id", "event_set_id"),
        (),
        Kind.ROUTE,
        "digits (offline) or letters and digits (web); else the destination's",
    ),
    Parameter(
        "event",
        ("event",),
        ("event",),
        Kind.EVENT,
        "case-sensitive; blank: the destination's `fixed_event_name`",
    ),
    Parameter(
        "timestamp",
        ("timestamp",),
        ("event_time",),
        Kind.TIMESTAMP,
        "timestamp, date (also as eight digits), ISO 8601 text, Unix seconds or milliseconds; floored to Unix seconds",
    ),
    Parameter(
        "event_id",
        ("event_id",),
        ("event_id",),
        Kind.ID,
        "blank: derived from the row, the same for ever",
        plain=Plain.ID,
    ),
    Parameter(
        "email",
        ("email", "emails"),
        ("user", "email"),
        Kind.EMAIL,
        "taken out of brackets, quotes and the like, lower-cased, SHA-256; several in one text are several",
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "phone",
        ("phone", "phones", "phone_numbers"),
        ("user", "phone"),
        Kind.PHONE,
        "E.164 with the plus sign, SHA-256; several in one text are several",
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
    ),
    Parameter(
        "external_id",
        ("external_id",),
        ("user", "external_id"),
        Kind.EXTERNAL_ID,
        "trimmed, SHA-256",
        WEB,
        hashed=True,
        personal=True,
        many=True,
    ),
    Parameter(
        "tiktok_click_id",
        ("tiktok_click_id", "ttclid"),
        ("user", "ttclid"),
        Kind.ID,
        "as it is, never cut",
        WEB,
        personal=True,
        plain=Plain.WHOLE,
    ),
    Parameter(
        "cookie_id",
        ("cookie_id", "ttp"),
        ("user", "ttp"),
        Kind.ID,
        "the `_ttp` cookie",
        WEB,
        personal=True,
        plain=Plain.WHOLE,
    ),
    Parameter(
        "ip",
        ("ip",),
        ("user", "ip"),
        Kind.IP,
        "public IPv4 or IPv6, also with the prefix /32 or /128; others dropped with a warning",
        WEB,
        personal=True,
    ),
    Parameter(
        "agent",
        ("agent", "user_agent"),
        ("user", "user_agent"),
        Kind.TEXT,
        "as it is",
        WEB,
        personal=True,
        plain=Plain.ADDRESS,
    ),
    Parameter("locale", ("locale",), ("user", "locale"), Kind.TEXT, "BCP 47, as it is", WEB, plain=Plain.WHOLE),
    Parameter(
        "first_name",
        ("first_name",),
        ("user", "first_name"),
        Kind.NAME,
        "lower-cased, no punctuation, SHA-256",
        WEB,
        hashed=True,
        personal=True,
    ),
    Parameter(
        "last_name",
        ("last_name",),
        ("user", "last_name"),
        Kind.NAME,
        "lower-cased, no punctuation, SHA-256",
        WEB,
        hashed=True,
        personal=True,
    ),
    Parameter(
        "zip_code",
        ("zip_code",),
        ("user", "zip_code"),
        Kind.ZIP,
        "lower-cased, no spaces or hyphens, digits as ASCII has them, American: five digits; SHA-256",
        WEB,
        hashed=True,
        personal=True,
    ),
    Parameter(
        "city",
        ("city",),
        ("user", "city"),
        Kind.PLACE,
        "lower-cased, no spaces or punctuation",
        WEB,
        personal=True,
        plain=Plain.WHOLE,
    ),
    Parameter(
        "state",
        ("state",),
        ("user", "state"),
        Kind.PLACE,
        "lower-cased, no spaces or punctuation",
        WEB,
        personal=True,
        plain=Plain.WHOLE,
    ),
    Parameter(
        "country",
        ("country",),
        ("user", "country"),
        Kind.COUNTRY,
        "ISO 3166 code or name; sent as two letters in lower case",
        WEB,
    ),
    Parameter(
        "page_url", ("page_url",), ("page", "url"), Kind.URL, "required", WEB, personal=True, plain=Plain.ADDRESS
    ),
    Parameter(
        "referrer_url",
        ("referrer_url",),
        ("page", "referrer"),
        Kind.URL,
        "as it is",
        WEB,
        personal=True,
        plain=Plain.ADDRESS,
    ),
    Parameter(
        "content_type",
        ("content_type",),
        ("properties", "content_type"),
        Kind.TEXT,
        "`product` or `product_group`",
        default="product",
        plain=Plain.TEXT,
    ),
    Parameter(
        "currency",
        ("currency",),
        ("properties", "currency"),
        Kind.CURRENCY,
        "ISO 4217, upper-cased",
        default="USD",
    ),
    Parameter("order_id", ("order_id",), ("properties", "order_id"), Kind.ID, "text", plain=Plain.ID),
    Parameter("shop_id", ("shop_id",), ("properties", "shop_id"), Kind.ID, "text", plain=Plain.ID),
    Parameter("description", ("description",), ("properties", "description"), Kind.TEXT, "text", plain=Plain.TEXT),
    Parameter(
        "event_channel",
        ("event_channel",),
        ("properties", "event_channel"),
        Kind.CHANNEL,
        "email, website, phone_call, in_store, crm or other",
    ),
    Parameter(
        "content_id",
        ("content_id",),
        ("properties", "contents", "content_id"),
        Kind.ID,
        "always a JSON string",
        plain=Plain.ID,
    ),
    Parameter(
        "content_name",
        ("content_name",),
        ("properties", "contents", "content_name"),
        Kind.TEXT,
        "text",
        plain=Plain.TEXT,
    ),
    Parameter(
        "content_category",
        ("content_category",),
        ("properties", "contents", "content_category"),
        Kind.TEXT,
        "text",
        plain=Plain.TEXT,
    ),
    Parameter("brand", ("brand",), ("properties", "contents", "brand"), Kind.TEXT, "text", plain=Plain.TEXT),
    Parameter(
        "price",
        ("price",),
        ("properties", "contents", "price"),
        Kind.AMOUNT,
        "number below 10^14; a negative one reduces the event's value and is none of its contents",
    ),
    Parameter(
        "quantity",
        ("quantity",),
        ("properties", "contents", "quantity"),
        Kind.QUANTITY,
        "number below 10^12; a negative one, as of a return, likewise",
    ),
    Parameter(
        "value",
        ("value",),
        ("properties", "value"),
        Kind.AMOUNT,
        "the sum over the event's rows of price x quantity, else of the value given",
    ),
)

OWN_PROPERTY = "properties."
"""A template key that starts so names a property of the user's own, passed through."""

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
"""What an audience's rows can carry.

Source: TikTok's segment API as its SDK and several vendors' code have it; normalising as `transform/sql/members` says.
"""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The parameters of one kind of destination; `identity` is the template that maps each by its name.

    With `own_properties`, a template may pass properties of the user's own.
    """

    identity: str
    parameters: tuple[Parameter, ...]
    own_properties: bool

    def named(self, word: str) -> Parameter | None:
        """The parameter whose name or accepted column name is `word` (in any case), if there is one."""
        wanted = word.lower()
        return next((p for p in self.parameters if wanted == p.name or wanted in p.columns), None)

    @property
    def names(self) -> list[str]:
        """The parameters' own names."""
        return [parameter.name for parameter in self.parameters]


EVENTS = Catalogue("tiktok_events", PARAMETERS, own_properties=True)
AUDIENCES = Catalogue("tiktok_audience", AUDIENCE_PARAMETERS, own_properties=False)
CATALOGUES = (EVENTS, AUDIENCES)

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
