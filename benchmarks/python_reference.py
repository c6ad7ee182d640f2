"""The yardstick of the benchmarks: the same job by hand, row by row, as a good Python engineer would.

Offline store purchases: dictionaries in, request bodies of a thousand events out. The rules are the
product's, for the columns named in COLUMNS and the identity template, with times in UTC and in their usual forms;
tests/test_python_reference.py holds it to the golden cases.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson

COLUMNS = (
    "email", "phone", "event", "event_id", "timestamp", "order_id", "shop_id",
    "currency", "content_id", "content_name", "content_category", "brand", "price", "quantity",
    "value", "event_channel",
)  # fmt: skip
EVENTS = frozenset(
    {
        "AddPaymentInfo", "AddToCart", "AddToWishlist", "ApplicationApproval", "CompleteRegistration",
        "Contact", "CustomizeProduct", "Download", "FindLocation", "InitiateCheckout",
        "Lead", "Purchase", "Schedule", "Search", "StartTrial",
        "SubmitApplication", "Subscribe", "ViewContent",
    }
)  # fmt: skip
LEGACY = frozenset({"CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton"})
CHANNELS = frozenset({"email", "website", "phone_call", "in_store", "crm", "other"})
LISTED = frozenset(
    {
        "AED", "ARS", "AUD", "BDT", "BHD", "BIF", "BOB", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CRC",
        "CZK", "DKK", "DZD", "EGP", "EUR", "GBP", "GTQ", "HKD", "HNL", "HUF", "IDR", "ILS", "INR", "ISK",
        "JPY", "KES", "KHR", "KRW", "KWD", "KZT", "MAD", "MOP", "MXN", "MYR", "NGN", "NIO", "NOK", "NZD",
        "OMR", "PEN", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY",
        "TWD", "UAH", "USD", "VES", "VND", "ZAR",
    }
)  # fmt: skip
UNLISTED = frozenset(
    {
        "AFN", "ALL", "AMD", "AOA", "AWG", "AZN", "BAM", "BBD", "BMD", "BND", "BOV", "BSD", "BTN", "BWP",
        "BYN", "BZD", "CDF", "CHE", "CHW", "CLF", "COU", "CUP", "CVE", "DJF", "DOP", "ERN", "ETB", "FJD",
        "FKP", "GEL", "GHS", "GIP", "GMD", "GNF", "GYD", "HTG", "IQD", "IRR", "JMD", "JOD", "KGS", "KMF",
        "KPW", "KYD", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MDL", "MGA", "MKD", "MMK", "MNT", "MRU",
        "MUR", "MVR", "MWK", "MXV", "MZN", "NAD", "NPR", "PAB", "PGK", "RSD", "RWF", "SBD", "SCR", "SDG",
        "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "TJS", "TMT", "TND", "TOP", "TTD",
        "TZS", "UGX", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VUV", "WST", "XAF", "XAG", "XAU", "XBA",
        "XBB", "XBC", "XBD", "XCD", "XCG", "XDR", "XOF", "XPD", "XPF", "XPT", "XSU", "XTS", "XUA", "XXX",
        "YER", "ZMW", "ZWG",
    }
)  # fmt: skip
HEX = re.compile("[0-9a-fA-F]{64}")
NOTHING = hashlib.sha256(b"").hexdigest()
EMAIL = re.compile(r"[^@]+@[^@.](?:[^@]*[^@.])?")
AMERICAN = re.compile(r"\(?(?:\+?1[ .()-]{0,3})?([2-9]\d\d)[ .()-]{0,3}(\d{3})[ .()-]{0,3}(\d{4})", re.ASCII)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
UNIX = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)
ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?"
    r"|\d{8}T\d{6}(?:[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
EXACT = Context(prec=80, rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9))
MICRO = Decimal("0.000001")
LIMITS = (("price", Decimal(10) ** 14), ("quantity", Decimal(10) ** 12), ("value", Decimal(10) ** 32))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = frozenset(name for name, _ in LIMITS)
BATCH = 1000


@dataclass(frozen=True)
class Settings:
    """`started_at` is Unix seconds; times without a zone are UTC."""

    started_at: int
    event_source_id: str = "7654321098765432109"
    fixed_event_name: str | None = None
    default_region: str = "US"
    max_age_days: int = 28


@dataclass(slots=True)
class Group:
    """The rows of one event so far."""

    event: dict[str, Any]
    contents: list[dict[str, Any]] = field(default_factory=list)
    value: Decimal | None = None
    rows: int = 0
    conflicting: int = 0
    priced: int = 0
    unvalued: int = 0
    identical: int = 0
    several_currencies: bool = False
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    broken: bool = False


@dataclass(slots=True)
class Fields:
    """What a row says about its event."""

    name: str | None
    currency: str
    channel: str | None
    order_id: str | None
    emails: list[str]
    phones: list[str]
    identified: bool
    seconds: int | None = None


class Rejected(Exception):
    """A row that cannot be sent; the message is the reason."""


def rows_to_bodies(
    rows: Iterable[dict[str, Any]], settings: Settings, counts: Counter[str] | None = None, *, batch: int = BATCH
) -> Iterator[bytes]:
    """Request bodies of up to `batch` events; reasons and warnings are added to `counts`."""
    counts = Counter() if counts is None else counts
    groups: dict[tuple[str, str], Group] = {}
    for row in rows:
        _add(row, settings, groups, counts)
    head = b'{"event_source":"offline","event_source_id":' + orjson.dumps(settings.event_source_id) + b',"data":'
    events = _events(groups.values(), counts)
    while some := list(islice(events, batch)):
        yield head + orjson.dumps(some) + b"}"


def _events(groups: Iterable[Group], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    for group in groups:
        if group.broken:
            counts["incomplete_event"] += group.rows
            continue
        if group.several_currencies or (group.value is not None and group.value < 0):
            counts["conflicting_currency" if group.several_currencies else "invalid_amount"] += group.rows
            continue
        counts["conflicting_rows"] += group.conflicting
        counts["identical_rows"] += group.identical
        counts["incomplete_amount"] += group.rows - group.priced if group.priced else group.unvalued
        properties = group.event["properties"]
        if group.contents:
            properties["contents"] = group.contents
        if group.value is not None:
            properties["value"] = _plain(group.value)
        yield group.event


def _add(row: dict[str, Any], settings: Settings, groups: dict[tuple[str, str], Group], counts: Counter[str]) -> None:
    """Puts a row to its event, or counts why it cannot be sent."""
    fields = _fields(row, settings, counts)
    reason, amounts = None, {}
    try:
        fields.seconds = _checked_time(fields.name, row.get("timestamp"), settings)
        amounts = _checked(row, fields)
    except Rejected as rejected:
        reason = str(rejected)
        counts[reason] += 1
    event_id = _text(row.get("event_id")) or _derived_id(fields, row)
    if fields.name is None or event_id is None:
        return
    if not {"event_id", "order_id", "content_id"} & row.keys() and (fields.name, event_id) in groups:
        counts["duplicate"] += reason is None
        return
    group = groups.setdefault((fields.name, event_id), Group({}))
    if reason is not None:
        group.broken = True
    else:
        _join(group, row, _event(row, fields, event_id), amounts)


def _fields(row: dict[str, Any], settings: Settings, counts: Counter[str]) -> Fields:
    emails, email_given, bad_email = _digests(row.get("email"), _email)
    phones, phone_given, bad_phone = _digests(row.get("phone"), _phones(settings.default_region))
    name = _text(row.get("event")) or settings.fixed_event_name
    currency = (_text(row.get("currency")) or "USD").upper()
    counts["invalid_email"] += bad_email
    counts["invalid_phone"] += bad_phone
    counts["legacy_event_name"] += name in LEGACY
    counts["currency_not_listed"] += currency in UNLISTED
    channel, order_id = _text(row.get("event_channel")), _text(row.get("order_id"))
    return Fields(name, currency, channel, order_id, emails, phones, email_given or phone_given)


def _checked(row: dict[str, Any], fields: Fields) -> dict[str, Decimal]:
    """The row's amounts, when nothing is wrong with them or with what comes after them."""
    if fields.currency not in LISTED and fields.currency not in UNLISTED:
        raise Rejected("invalid_currency")
    amounts = _amounts(row)
    if fields.channel is not None and fields.channel not in CHANNELS:
        raise Rejected("invalid_event_channel")
    if not fields.emails and not fields.phones:
        raise Rejected("invalid_identity" if fields.identified else "missing_identity")
    return amounts


def _event(row: dict[str, Any], fields: Fields, event_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"content_type": "product", "currency": fields.currency}
    if fields.order_id is not None:
        properties["order_id"] = fields.order_id
    if (shop_id := _text(row.get("shop_id"))) is not None:
        properties["shop_id"] = shop_id
    if fields.channel is not None:
        properties["event_channel"] = fields.channel
    return {
        "event": fields.name,
        "event_time": fields.seconds,
        "event_id": event_id,
        "user": _user(fields.emails, fields.phones),
        "properties": properties,
    }


def _join(group: Group, row: dict[str, Any], event: dict[str, Any], amounts: dict[str, Decimal]) -> None:
    if not group.event:
        group.event = event
    elif group.event != event:
        group.conflicting += 1
        group.several_currencies |= group.event["properties"]["currency"] != event["properties"]["currency"]
    group.rows += 1
    group.priced += "price" in amounts and "quantity" in amounts
    mapped = tuple(amounts.get(name) if name in _NUMBERS else _comparable(row.get(name)) for name in COLUMNS)
    group.identical += mapped in group.seen
    group.seen.add(mapped)
    content, amount = _content(row, amounts), _amount(amounts)
    group.unvalued += amount is None and bool(amounts)
    negative = _is_negative(amounts)
    if content and not negative:
        group.contents.append(content)
    if amount is not None and negative:
        amount = amount.copy_abs().copy_negate()
    if amount is not None:
        group.value = amount if group.value is None else EXACT.add(group.value, amount)


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return repr(value) if isinstance(value, list) else value


def _is_negative(amounts: dict[str, Decimal]) -> bool:
    """Whether a line reduces its event's value, and is none of its contents."""
    return min(amounts.values(), default=Decimal(0)) < 0


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    return str(value) if isinstance(value, int) else str(value.isoformat())


def _digests(given: Any, normalise: Any) -> tuple[list[str], bool, bool]:
    """The distinct digests, whether anything was given, whether any of it is invalid."""
    digests: dict[str, None] = {}
    present = invalid = False
    for value in given if isinstance(given, list) else (given,):
        text = _text(value)
        if text is None:
            continue
        digest = text.lower() if len(text) == 64 and HEX.fullmatch(text) else None
        if digest == NOTHING:
            continue
        present = True
        digest = digest or normalise(text)
        if digest is None:
            invalid = True
        else:
            digests[digest] = None
    return list(digests), present, invalid


def _email(text: str) -> str | None:
    address = address_of(text)
    return hashlib.sha256(address.encode()).hexdigest() if address else None


def address_of(text: str) -> str | None:
    """The address that is hashed; None where the text, which has no white space at its ends, is none."""
    address = text.lower()
    if not EMAIL.fullmatch(address) or "." not in address.partition("@")[2] or len(address.split()) != 1:
        return None
    return address


@lru_cache
def _phones(region: str) -> Any:
    """What hashes a phone of a region, remembering the last ones."""

    @lru_cache(maxsize=100_000)
    def digest(text: str) -> str | None:
        number = number_of(text, region)
        return hashlib.sha256(number.encode()).hexdigest() if number else None

    return digest


def number_of(text: str, region: str) -> str | None:
    """The number in E.164 that is hashed; None where the text, which has no white space at its ends, is none."""
    number = _american(text) if region == "US" else None
    return number or _any_phone(text, region)


def _american(text: str) -> str | None:
    match = AMERICAN.fullmatch(text)
    return "+1" + "".join(match.groups()) if match else None


def _any_phone(text: str, region: str) -> str | None:
    import phonenumbers as pn

    try:
        number = pn.parse(text, region)
    except pn.NumberParseException:
        return None
    possible = pn.is_possible_number_with_reason(number) == pn.ValidationResult.IS_POSSIBLE
    return pn.format_number(number, pn.PhoneNumberFormat.E164) if possible else None


def _checked_time(name: str | None, value: Any, settings: Settings) -> int:
    if name is None:
        raise Rejected("missing_event")
    if name not in EVENTS and name not in LEGACY:
        raise Rejected("unknown_event")
    seconds = _seconds(value)
    oldest = settings.started_at - settings.max_age_days * 86_400
    if seconds < (oldest - oldest % 86_400 if _is_day(value) else oldest):
        raise Rejected("event_too_old")
    if seconds > settings.started_at + 600:
        raise Rejected("event_in_future")
    return seconds


def _is_day(value: Any) -> bool:
    """Whether a time is a date alone, which is as young as any of its hours."""
    return (isinstance(value, date) and not isinstance(value, datetime)) or (
        isinstance(value, str) and len(value.strip()) == 10 and "-" in value
    )


def _seconds_or_none(value: Any) -> int | None:
    try:
        return _seconds(value)
    except Rejected:
        return None


def _seconds(value: Any) -> int:
    if isinstance(value, str):
        value = _read_time(value.strip())
    if value is None:
        raise Rejected("missing_timestamp")
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return _real((aware - EPOCH) // timedelta(seconds=1))
    if isinstance(value, date):
        return _seconds(datetime.combine(value, time()))
    if isinstance(value, bool) or not math.isfinite(value) or abs(value) >= 10**15:
        raise Rejected("invalid_timestamp")
    return _real(math.floor(value / 1000 if value >= 10**11 else value))


def _real(seconds: int) -> int:
    if not -62_135_596_800 <= seconds <= 253_402_300_799:
        raise Rejected("invalid_timestamp")
    return seconds


def _read_time(text: str) -> datetime | Decimal | None:
    if not text:
        return None
    if UNIX.fullmatch(text):
        return Decimal(text)
    if not ISO.fullmatch(text) or "T24" in text or " 24" in text:
        raise Rejected("invalid_timestamp")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise Rejected("invalid_timestamp") from None


def _amounts(row: dict[str, Any]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = {}
    for name, limit in LIMITS:
        value = row.get(name) if name != "value" or not {"price", "quantity"} <= amounts.keys() else None
        if value is None:
            continue
        if isinstance(value, str):
            value = value.strip()
            if not value:
                continue
            if not NUMBER.fullmatch(value):
                raise Rejected("invalid_amount")
        elif isinstance(value, bool):
            raise Rejected("invalid_amount")
        number = value if isinstance(value, Decimal) else EXACT.create_decimal(str(value))
        if number.is_nan() or not -limit < number < limit:
            raise Rejected("invalid_amount")
        amounts[name] = EXACT.add(number.quantize(MICRO, context=EXACT), Decimal(0))
        if amounts[name] >= limit:
            raise Rejected("invalid_amount")
    return amounts


def _amount(amounts: dict[str, Decimal]) -> Decimal | None:
    price, quantity = amounts.get("price"), amounts.get("quantity")
    if price is None or quantity is None:
        return amounts.get("value")
    return EXACT.multiply(price, quantity).quantize(MICRO, context=EXACT)


def _content(row: dict[str, Any], amounts: dict[str, Decimal]) -> dict[str, Any]:
    texts = ((name, _text(row.get(name))) for name in ("content_id", "content_name", "content_category", "brand"))
    content: dict[str, Any] = {name: text for name, text in texts if text is not None}
    content.update((name, _plain(amounts[name])) for name in ("price", "quantity") if name in amounts)
    return content


def _plain(number: Decimal) -> orjson.Fragment:
    """The number as JSON text: no exponent, no trailing zeros, no binary noise."""
    return orjson.Fragment(format(number, "f").rstrip("0").rstrip("."))


def _user(emails: list[str], phones: list[str]) -> dict[str, Any]:
    user: dict[str, Any] = {}
    if emails:
        user["email"] = emails if len(emails) > 1 else emails[0]
    if phones:
        user["phone"] = phones if len(phones) > 1 else phones[0]
    return user


def _derived_id(fields: Fields, row: dict[str, Any]) -> str | None:
    seconds = fields.seconds if fields.seconds is not None else _seconds_or_none(row.get("timestamp"))
    if seconds is None or fields.name is None:
        return None
    emails, phones = sorted(fields.emails), sorted(fields.phones)
    if fields.order_id is not None:
        day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
        return _short_digest(["order", fields.name, day, fields.order_id, _text(row.get("shop_id"))])
    amount = [] if "content_id" in row else [_plain_or_none(row)]
    return _short_digest([emails, phones, [], fields.name, seconds, *amount])


def _plain_or_none(row: dict[str, Any]) -> orjson.Fragment | None:
    try:
        amount = _amount(_amounts(row))
    except Rejected:
        return None
    return None if amount is None else _plain(amount)


def _short_digest(parts: list[Any]) -> str:
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:36]
