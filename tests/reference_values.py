"""One value at a time: the normalising and validating rules of the reference. See tests/reference.py."""

import hashlib
import ipaddress
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

import phonenumbers as pn

Normaliser = Callable[[str], str | None]

EXACT = Context(prec=400, Emax=10**9, Emin=-(10**9))
MICRO = Decimal("0.000001")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z."""
NOTHING = hashlib.sha256(b"").hexdigest()

AMOUNT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
UNIX = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
CLOCK_ZONE = r"(?: *(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
FRACTION = r"(?:[.,](?P<fraction>\d+))?"
EXTENDED = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)" + FRACTION + ")?" + CLOCK_ZONE + ")?", re.ASCII | re.I
)
COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)" + FRACTION + CLOCK_ZONE, re.ASCII | re.I)
DAY_TEXT = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
DIGITS = re.compile(r"[1-9]\d{7}(\.0*)?", re.ASCII)
DIGEST = re.compile(r"[0-9a-fA-F]{64}")
NETWORKS = [
    *map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")),
    *map(ipaddress.ip_network, ("169.254.0.0/16", "0.0.0.0/8", "100.64.0.0/10", "224.0.0.0/3")),
    *map(ipaddress.ip_network, ("::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8")),
]


class Invalid(Exception):
    """A value is there and is not what it should be."""


def number_text(number: int | float | Decimal) -> str:
    """Decimal text without exponent and without trailing zeros."""
    if isinstance(number, float) and not math.isfinite(number):
        return str(number)
    digits = format(Decimal(repr(number) if isinstance(number, float) else number), "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits


def text(value: object) -> str | None:
    """The value as stripped text, or None when it is blank."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip() or None


def sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def given_digest(plain: str) -> str | None:
    return plain.lower() if DIGEST.fullmatch(plain) else None


def email(plain: str) -> str | None:
    """The digest, or None when it is no e-mail address."""
    address = plain.lower()
    local, at, domain = address.partition("@")
    spaces = any(character.isspace() for character in address)
    dotted = "." in domain and not domain.startswith(".") and not domain.endswith(".")
    return sha256(address) if local and at and "@" not in domain and dotted and not spaces else None


def phone(plain: str, region: str) -> str | None:
    try:
        number = pn.parse(plain, region)
    except pn.NumberParseException:
        return None
    possible = pn.is_possible_number_with_reason(number) == pn.ValidationResult.IS_POSSIBLE
    return sha256(pn.format_number(number, pn.PhoneNumberFormat.E164)) if possible else None


def distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def without_punctuation(plain: str) -> str:
    return "".join(character for character in plain if not unicodedata.category(character).startswith("P"))


def without_space(plain: str) -> str:
    return "".join(character for character in plain if not character.isspace())


def name(plain: str) -> str | None:
    kept = without_punctuation(plain.lower()).strip()
    return sha256(kept) if kept else None


def zip_code(plain: str, american: bool) -> str | None:
    kept = without_space(plain.lower()).replace("-", "")
    kept = kept[:5] if american else kept
    return sha256(kept) if kept else None


def place(plain: str) -> str | None:
    return without_punctuation(without_space(plain.lower())) or None


def country(plain: str) -> str | None:
    return plain.lower() if re.fullmatch("[a-z]{2}", plain.lower()) else None


def without_prefix(plain: str | None) -> str | None:
    """An address without the prefix that covers all of it."""
    address, _, prefix = (plain or "").partition("/")
    whole = re.fullmatch(r"[0-9.]+", address) and prefix == "32"
    whole = whole or (re.fullmatch(r"[0-9a-fA-F:.]+", address) and ":" in address and prefix == "128")
    return address if whole else plain


def public_ip(plain: str) -> bool:
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return False
    if "%" in plain:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not any(address in network for network in NETWORKS)


def amount(value: object, limit: Decimal) -> Decimal | None:
    """The amount to six decimals, None when blank; raises Invalid."""
    if isinstance(value, bool):
        raise Invalid
    if isinstance(value, float):
        value = repr(value) if math.isfinite(value) else "not finite"
    plain = str(value).strip() if isinstance(value, str | int | Decimal) else text(value)
    if plain is None or plain == "":
        return None
    if not AMOUNT.fullmatch(plain):
        raise Invalid
    number = EXACT.create_decimal(plain)
    if number < 0 or number >= limit:
        raise Invalid
    rounded = micro(number)
    if rounded >= limit:
        raise Invalid
    return rounded


def micro(number: Decimal) -> Decimal:
    return number.copy_abs().quantize(MICRO, ROUND_HALF_UP, EXACT)


def unix_seconds(number: Decimal) -> int:
    if not number.is_finite() or abs(number) >= 10**15:
        raise Invalid
    seconds = EXACT.divide(number, Decimal(1000)) if number >= 10**11 else number
    return in_range(int(seconds.to_integral_value(ROUND_FLOOR)))


def in_range(seconds: int) -> int:
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise Invalid
    return seconds


def instant(moment: datetime, zone: ZoneInfo) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=0)
    return in_range((aware - EPOCH) // timedelta(seconds=1))


def offset(zone: str) -> timezone:
    if zone.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        raise Invalid
    return timezone((-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def calendar_day(number: int) -> date | None:
    """The day that the eight digits of a number say, None where they say none."""
    if not 10_000_101 <= number <= 99_991_231:
        return None
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def written_time(plain: str, zone: ZoneInfo) -> int:
    if DIGITS.fullmatch(plain) and (day := calendar_day(int(plain[:8]))):
        return instant(datetime.combine(day, time()), zone)
    if UNIX.fullmatch(plain):
        return unix_seconds(Decimal(plain))
    match = EXTENDED.fullmatch(plain) or COMPACT.fullmatch(plain)
    if not match:
        raise Invalid
    year, month, day_of_month, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction = int(match["fraction"] or 0)
    ends_day = hour == 24 and not (minute or second or fraction)
    try:
        moment = datetime(year, month, day_of_month, 0 if ends_day else hour, minute, second)  # noqa: DTZ001
        moment += timedelta(days=ends_day)
    except (ValueError, OverflowError):
        raise Invalid from None
    return instant(moment.replace(tzinfo=offset(match["zone"])) if match["zone"] else moment, zone)


def event_time(value: object, zone: ZoneInfo) -> int | None:
    """Unix seconds, None when blank; raises Invalid."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, datetime):
        return instant(value, zone)
    if isinstance(value, date):
        return instant(datetime.combine(value, time()), zone)
    if isinstance(value, str):
        return written_time(value.strip(), zone)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and number == number.to_integral_value() and (day := calendar_day(int(number))):
            return instant(datetime.combine(day, time()), zone)
        return unix_seconds(number)
    raise Invalid


def is_day(value: object) -> bool:
    """Whether a time says a day and no hour."""
    if isinstance(value, str):
        plain = value.strip()
        digits = DIGITS.fullmatch(plain) and calendar_day(int(plain[:8]))
        return bool(DAY_TEXT.fullmatch(plain) or digits)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return math.isfinite(value) and value == int(value) and calendar_day(int(value)) is not None
    return isinstance(value, date) and not isinstance(value, datetime)


def first_day(started_at: int, days: int, zone: ZoneInfo) -> int:
    """The beginning of the day so many days before that of `started_at`."""
    today = datetime.fromtimestamp(started_at, zone).date()
    return instant(datetime.combine(today - timedelta(days=days), time()), zone)


def json_text(value: object) -> str:
    """Compact JSON; numbers without exponent, trailing zeros or a trailing dot."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return number_text(value)
    if isinstance(value, bytes | date):
        return json_text(text(value))
    return json.dumps(value, ensure_ascii=False)
