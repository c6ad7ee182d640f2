"""One value at a time: the normalising and validating rules of the reference. See tests/reference.py."""

import hashlib
import html
import ipaddress
import itertools
import json
import math
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

import phonenumbers as pn

from tests.reference_vocabulary import COUNTRIES

COUNTRY_NAMES = {
    "usa": "us",
    "united states": "us",
    "canada": "ca",
    "united kingdom": "gb",
    "uk": "gb",
    "germany": "de",
}
"""Those names that tests use."""

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


def is_inexact(value: object) -> bool:
    """Whether a number is a binary one that several whole numbers are rounded to."""
    return isinstance(value, float) and math.isfinite(value) and abs(value) > 2**53 - 1


def sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def given_digest(plain: str) -> str | None:
    return plain.lower() if DIGEST.fullmatch(plain) else None


QUOTES = "\"'`´‘’‚‛“”„‟‹›«»＂＇()[]{}<>（）［］＜＞【】「」\\"
SEPARATORS = ";,|\t\r\n；，、｜"
WORDS = ("undefined", "null", "none", "nan", "nil", "n/a")
PLACEHOLDERS = {
    *WORDS,
    *(left + word + right for word in WORDS for left, right in ("()", "<>", "[]", "{}", '""', "''")),
    *("\\n", "<na>", "#n/a", "n.a.", "n.a"),
}
HASHED_WORDS = {sha256(word) for one in WORDS for word in (one, one.upper())}
HASHED_WORDS |= set(map(sha256, ("Undefined", "Null", "None", "NaN", "\\N")))
IGNORED = {
    0x34F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x3164,
    0xFFA0,
    0xFFFD,
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
}
IGNORED |= {*range(0x2060, 0x2070), *range(0xFFF0, 0xFFF9), *range(0x13430, 0x13440), *range(0xE0000, 0xE1000)}
"""Besides Unicode's categories Cc and Cf: ignorable characters, and the one that stands for a lost character."""


@dataclass
class Given:
    """What a text gives: digests, and whether something in it is invalid, or a word that stands for nothing."""

    digests: list[str] = field(default_factory=list)
    invalid: bool = False
    placeholder: bool = False

    @property
    def anything(self) -> bool:
        return bool(self.digests) or self.invalid

    def take(self, part: str, normalise: Normaliser) -> "Given":
        """Adds one part of the text."""
        if is_placeholder(part):
            self.placeholder = True
        elif digest := given_digest(part) or normalise(part):
            self.digests += [digest] if digest != NOTHING else []
        else:
            self.invalid = True
        return self


def is_placeholder(plain: str) -> bool:
    return plain.lower() in PLACEHOLDERS or plain.lower() in HASHED_WORDS


def visible(plain: str, *, lines: bool = False) -> str:
    """The text without characters that nobody sees; with `lines`, white space stays whatever its category."""
    return "".join(
        one
        for one in plain
        if (lines and one.isspace()) or not (unicodedata.category(one) in {"Cc", "Cf"} or ord(one) in IGNORED)
    )


def text_identifier(plain: str) -> Given:
    return Given().take(plain, sha256)


def email_identifiers(plain: str) -> Given:
    plain, given = visible(plain, lines=True).strip(), Given()
    if is_placeholder(plain) or given_digest(plain):
        return given.take(plain, email)
    if "@" not in plain and len(plain.encode()) < 64:
        return Given(invalid=True)
    plain = without_programs_marks(plain)
    found = [part for piece in addressed(plain) for some in re.split("[;|\t\r\n；｜]", piece) for part in listed(some)]
    for part in found or [plain]:
        given.take(part, email)
    given.digests = distinct(given.digests)
    return given


def without_programs_marks(plain: str) -> str:
    plain = re.sub(
        r"&(#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z]+);", lambda found: html.unescape(found[0]), plain, flags=re.ASCII
    )
    if len(plain) > 2 and plain[0] in "bB" and plain[1] == plain[-1] and plain[1] in "'\"":
        plain = plain[2:-1] if not set("'\"") & set(plain[2:-1]) and len(plain) > 2 else plain
    plain = re.sub(r"%20|%09|%0A|%0D|%C2%A0|\u2800", " ", plain, flags=re.I)
    plain = re.sub(r"(\\[tnr])+(?!\S)", " ", plain)
    plain = re.sub(r"\\([tnr])", r":\1", plain)
    words = "email|e-mail|e mail|e_mail|mail|smtp|to|from|cc|bcc"
    return re.sub(rf"(^|(?<=[\s<\"'(\[;,|]))({words})\s*[:=]\s*", "", plain, flags=re.I)


def listed(text: str) -> list[str]:
    """The words between commas, of which none may be part of an address that a comma tears."""
    parts = re.split("[,，、]", text)
    for left, right in itertools.pairwise(parts):
        other = left if "@" in right else right
        glued = left[-1:].strip() and right[:1].strip() and ("@" in left) is not ("@" in right)
        if glued and bare(other) and not is_placeholder(bare(other)) and not given_digest(bare(other)):
            return [text]
    return [word for part in parts for word in words_of(part)]


def words_of(text: str) -> list[str]:
    words = [
        word for word in map(bare, without_query(text).split()) if any(one.isalnum() or one == "@" for one in word)
    ]
    values = [word for word in words if "@" in word or given_digest(word) or is_placeholder(word)]
    return words if words == values else [" ".join(words)]


def without_query(text: str) -> str:
    """The text up to a question mark that only blanks part from an address."""
    for place, one in enumerate(text):
        behind = text[place + 1 :]
        host = "".join(itertools.takewhile(lambda other: other != "?" and not other.isspace(), behind))
        if one == "@" and host and behind[len(host) :].lstrip().startswith("?"):
            return text[: place + 1] + host
    return text


def addressed(text: str) -> list[str]:
    """The text without comments and, where there are angle brackets, without the names before them."""
    text = re.sub(r"[(\[][^()\[\]<>@]*[)\]]", " ", text)
    if "<" not in text:
        return [text]
    text = re.sub(r"[\"'“”„][^\"'“”„<>@]*[\"'“”„]\s*<", "<", text)
    before, *pieces = text.split("<")
    found = []
    for piece in pieces:
        ends = [place for place, one in enumerate(before) if one in SEPARATORS]
        found.append(before[: ends[-1]] if ends else "")
        inside, _, before = piece.partition(">")
        found.append(inside)
    found.append(before)
    return [one for place, one in enumerate(found) if "@" in one or place % 2]


def bare(word: str) -> str:
    while True:
        shorter = word.strip(QUOTES)
        while "@" in shorter and shorter[-1] in ":/!*#$…。":
            shorter = shorter[:-1]
        if shorter.lower().startswith("mailto:"):
            shorter = urllib.parse.unquote(re.sub("(?i)^mailto:(//)?", "", shorter))
        if shorter == word:
            break
        word = shorter
    return word


def email(plain: str) -> str | None:
    """The digest, or None when it is no e-mail address."""
    address = plain.lower()
    given, _, host = plain.partition("@")
    mark = r"[a0!#$%&'*+/=?^_`{|}~-]+"
    name = re.fullmatch(rf"(?![!#$%&*/=?^~]){mark}(\.{mark})*", shape(given)) and len(given) <= 64
    top = host.split(".")[-1]
    last = "aa--[a0-]*[a0]" if top[:4].lower() == "xn--" else "aa+"
    place = re.fullmatch(rf"([a0]([a0-]*[a0])?\.)+{last}", shape(host)) and max(map(len, host.split(".")[:-1])) < 64
    return sha256(address) if name and place and (last == "aa+" or len(top) < 64) else None


def shape(plain: str) -> str:
    """Letters and marks as an a, digits as a 0."""
    letters = ((one, one.isalnum() or unicodedata.category(one)[0] == "M") for one in plain)
    return "".join(("0" if one.isdigit() else "a") if plain_letter else one for one, plain_letter in letters)


def phone_identifiers(plain: str, region: str) -> Given:
    plain, given = visible(plain, lines=True).strip(), Given()
    if is_placeholder(plain) or given_digest(plain):
        return given.take(plain, sha256)
    for part in phone_parts(plain, region):
        given.take("null" if one_digit(part, region) else part, lambda number: phone(number, region))
    given.digests = distinct(given.digests)
    return given


def phone_parts(plain: str, region: str) -> list[str]:
    def numbers(parts: list[str]) -> int:
        long = (part for part in parts if sum(one.isdigit() for one in part) >= 7)
        digests = sum(given_digest(part) is not None for part in parts)
        return digests + sum(phone(part, region) is not None for part in long if not given_digest(part))

    def split(separators: str) -> list[str]:
        starts = re.sub(r"\s+(\(?\+)|(?<=[0-9])(\+)", lambda found: "\n" + (found[1] or found[2]), plain)
        return [part.strip() for part in re.split(f"[{separators}\r\n]", starts) if part.strip()]

    parts = split(";,|")
    if len(parts) > 1 and numbers(parts) > 1 and "phone-context=" not in plain:
        return parts
    if phone(plain, region):
        return [plain]
    words = plain.split()
    sizes = [size for size in range(1, len(words) // 2 + 1) if len(words) % size == 0]
    ways = [split(";,|/"), *([" ".join(words[n : n + size]) for n in range(0, len(words), size)] for size in sizes)]
    whole = [way for way in ways if len(way) > 1 and numbers(way) == len(way)]
    return whole[0] if whole else parts or [plain]


def one_digit(plain: str, region: str) -> bool:
    if any(one not in "+ .()/-0123456789" for one in plain):
        return False
    digits = "".join(one for one in plain if one.isdigit())
    american = plain.lstrip(" (").startswith("+") or region in pn.region_codes_for_country_code(1)
    behind_1 = len(digits) == 11 and digits[0] == "1" and american and len(set(digits[1:])) == 1
    return len(digits) > 1 and (len(set(digits)) == 1 or behind_1)


def phone(plain: str, region: str) -> str | None:
    try:
        number = pn.parse(plain, region)
    except pn.NumberParseException:
        return None
    written = re.sub("[^0-9]", "", unicodedata.normalize("NFKC", plain))
    if written == str(number.national_number) and written.startswith(str(pn.country_code_for_region(region))):
        with suppress(pn.NumberParseException):
            with_code = pn.parse("+" + written)
            number = with_code if pn.is_valid_number(with_code) else number
    possible = pn.is_possible_number_with_reason(number) == pn.ValidationResult.IS_POSSIBLE
    possible &= pn.is_valid_number(number) or not lacks_area_code(number)
    national = f"{number.national_number:010}"
    possible &= number.country_code != 1 or (national[0] not in "01" and national[3] not in "01")
    return sha256(pn.format_number(number, pn.PhoneNumberFormat.E164)) if possible else None


def lacks_area_code(number: pn.PhoneNumber) -> bool:
    """By its length: neither a fixed line nor a mobile, but for some who call from nearby."""
    kinds = pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE
    lengths = {pn.is_possible_number_for_type_with_reason(number, kind) for kind in kinds}
    return pn.ValidationResult.IS_POSSIBLE_LOCAL_ONLY in lengths and pn.ValidationResult.IS_POSSIBLE not in lengths


def distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def without_punctuation(plain: str) -> str:
    return "".join(character for character in plain if not unicodedata.category(character).startswith("P"))


def without_space(plain: str) -> str:
    return "".join(character for character in plain if not character.isspace())


def name(plain: str) -> str | None:
    kept = without_punctuation(plain.lower()).strip()
    return sha256(kept) if kept else None


def zip_code(plain: str, country: str | None, code: str | None, region: str) -> str | None:
    """`country` is what the row says, `code` what it is understood as."""
    kept = without_space(unicodedata.normalize("NFKC", plain).lower())
    kept = "".join(str(int(one)) if one.isdecimal() else one for one in kept)
    kept = re.sub("[-‐‑‒–—―−]", "", kept)
    before = "AK AL AR AZ CA CO CT DC FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH "
    before += "OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY US USA"
    looks = region == "US" and re.fullmatch(f"({before.lower().replace(' ', '|')}|)[0-9]{{5}}([0-9]{{4}})?", kept)
    american = code == "us" if country else looks
    behind = re.fullmatch("[a-z]{2,3}([0-9]{5})([0-9]{4})?", kept)
    kept = (behind[1] if behind else kept[:5]) if american else kept
    return sha256(kept) if kept else None


def place(plain: str) -> str | None:
    return without_punctuation(without_space(plain.lower())) or None


def country(plain: str) -> str | None:
    small = plain.lower()
    return small if small in COUNTRIES else COUNTRY_NAMES.get(small)


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
    """The amount as it is written, None when blank; raises Invalid."""
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
    if number.copy_abs() >= limit or micro(number).copy_abs() >= limit:
        raise Invalid
    return number


def micro(number: Decimal) -> Decimal:
    """The number to six decimals, rounded half away from zero; never minus zero."""
    return EXACT.add(number.quantize(MICRO, ROUND_HALF_UP, EXACT), Decimal(0))


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
