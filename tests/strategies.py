"""Hypothesis strategies: whole tables with hostile values in every column, settings, and data templates.

`examples()` draws all three together. Values lean towards the valid, so that events come about and form groups; what
the rules leave open (non-finite numbers as text, a zone after a date alone, 32-bit floats) is left out.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers as pn
import pyarrow as pa
from hypothesis import strategies as st

from tests.reference import Settings, identity_template
from tests.reference_vocabulary import CHANNELS, LEGACY_EVENTS, LISTED_CURRENCIES, STANDARD_EVENTS

Column = tuple[pa.DataType, list[Any]]
Values = st.SearchStrategy[Any]
TEXT, WHOLE, FLOAT = pa.string(), pa.int64(), pa.float64()

WHITE = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"
ODD = "\x00\x01\x08\x1b\x7f\"'\\/\u200b\ufeffİıſKßςΣΣ.'’“…·́😀𝔸𐐀ǅﬁ%_?:;,@-–—٣５"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Tokyo")
STARTS = (1_700_000_000, 1_699_200_000, 1_711_900_000, 1_709_290_000, 1_730_100_000)
"""Beginnings of runs: among them hours and days after clocks were changed, and a leap day."""

PIXEL = "C4A1B2C3D4E5F6G7H8I9"
ANY_TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(WHITE + ODD)), max_size=12)
BLANK = st.one_of(st.none(), st.text(WHITE, max_size=3))


@dataclass(frozen=True)
class Example:
    """A table (column -> Arrow type and values), the settings it is read with, and a template's parameters.

    `mapping` is what a template that extends the identity template says over it; None is no template.
    """

    columns: dict[str, Column]
    settings: Settings
    mapping: Mapping[str, object] | None

    @property
    def template(self) -> Mapping[str, object] | None:
        """The template's parameters in full, as the reference takes them."""
        return None if self.mapping is None else identity_template() | dict(self.mapping)

    @property
    def table(self) -> pa.Table:
        arrays = [pa.array(values, type=kind) for kind, values in self.columns.values()]
        return pa.table(arrays, names=list(self.columns))


def padded(values: Values) -> Values:
    """Text with white space of every kind at its ends, now and then."""
    ends = st.one_of(st.just(""), st.just(""), st.text(WHITE, max_size=2))
    return st.builds(lambda before, text, after: f"{before}{text}{after}", ends, values, ends)


def mostly(good: Values, *bad: Values) -> Values:
    """About nine good ones to one other."""
    return st.integers(0, 9).flatmap(lambda choice: st.one_of(*bad) if choice == 6 else good)


def texts(good: Values) -> Values:
    return mostly(padded(good), BLANK, ANY_TEXT)


def digests() -> Values:
    hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)
    fixed = st.sampled_from((NOTHING, "0" * 64, "a" * 64, "a" * 63, "a" * 65, "g" * 64))
    return st.one_of(hexadecimal, fixed).flatmap(lambda digest: st.sampled_from((digest, digest.upper())))


def emails() -> Values:
    people = st.sampled_from(
        ("jane", "JOHN", "Ann+Tag.x", "jürgen", "İREM", "ΣΑΣ", "ΑΣ.Σ", "o'brien", "ß", "ſam", "K", "𐐀")
    )
    valid = st.sampled_from(
        ("example.com", "EXÄMPLE.de", "a.b.co", "例え.jp", "x.ςα", "163.com", "a-b.xn--p1ai", "a..b")
    )
    domains = mostly(
        valid,
        st.sampled_from(("localhost", ".a", "a.", "a.b.", "a b.c", "a.b", "a_b.com", "-a.com", "a.c0m", "1.2.3.44")),
    )
    usual = st.builds("{}@{}".format, people, domains)
    glued = st.builds("{}{}{}".format, ANY_TEXT, st.sampled_from(("@", "@@", "", " @")), domains)
    return texts(st.one_of(usual, usual, usual, usual, usual, glued, digests()))


def _example_numbers() -> list[pn.PhoneNumber]:
    kinds = (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.TOLL_FREE)
    found = (pn.example_number_for_type(region, kind) for region in sorted(pn.SUPPORTED_REGIONS) for kind in kinds)
    return [number for number in found if number]


def _forms(number: pn.PhoneNumber) -> Values:
    full = pn.format_number(number, pn.PhoneNumberFormat.E164)
    abroad = pn.format_number(number, pn.PhoneNumberFormat.INTERNATIONAL)
    home = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
    prefixed = (
        "00" + full[1:],
        "011" + full[1:],
        "011 " + abroad[1:],
        "0" + full[1:],
        "++" + full,
        "+ " + full[1:],
    )
    cut = (full[1:], full[:-1], full + "0", full[:-3], home[:-1], home + "1", home.replace(" ", "-"))
    extended = (
        home + " ext. 12",
        abroad + " x3",
        full + ",,5",
        full + ";ext=7",
        f"tel:{full}",
        full + "#",
        home + "a",
    )
    rfc = pn.format_number(number, pn.PhoneNumberFormat.RFC3966)
    return st.sampled_from((full, abroad, home, rfc, *prefixed, *cut, *extended))


def phones() -> Values:
    usual = st.sampled_from(_example_numbers()).flatmap(_forms)
    american = st.builds(
        lambda area, rest, form: form.format(area, rest[:3], rest[3:]),
        st.text(string.digits, min_size=3, max_size=3),
        st.text(string.digits, min_size=7, max_size=7),
        st.sampled_from(
            (
                "{}{}{}",
                "({}) {}-{}",
                "{}-{}-{}",
                "{}.{}.{}",
                "1{}{}{}",
                "+1 ({}) {}-{}",
                "1-{}-{}-{}",
                "({}{}{}",
            )
        ),
    )
    letters = st.sampled_from(
        (
            "1-800-FLOWERS",
            "206 555 CALL",
            "٢٠٦٥٥٥٠١٠٠",
            "２０６５５５０１００",
            "n/a",
            "none",
            "0",
            "+",
            "1" * 260,
        )
    )
    junk = st.text("0123456789+-(). x#/,;*", max_size=20)
    return texts(st.one_of(usual, american, letters, junk, digests()))


def phone_numbers() -> Values:
    return st.one_of(st.integers(2_000_000_000, 9_999_999_999), st.integers(-10, 10**15), st.none())


def lists(values: Values) -> Values:
    return st.one_of(st.none(), st.lists(values, max_size=3))


def amounts() -> Values:
    plain = st.decimals(0, 10**6, places=2).map(str)
    fine = st.decimals(-1, 10**3, places=8).map(lambda number: format(number, "f"))
    powers = st.builds("{}e{}".format, st.integers(0, 9999), st.integers(-12, 36))
    odd = st.sampled_from(
        (
            "-0",
            "+5",
            ".5",
            "5.",
            "1.0000005",
            "0.0000005",
            "NaN",
            "inf",
            "1,5",
            "$5",
            "-1",
            "١",
            "1_0",
            "1e400",
        )
    )
    return texts(st.one_of(plain, plain, fine, powers, odd))


def float_amounts() -> Values:
    money = st.integers(0, 10**7).map(lambda cents: cents / 100)
    odd = st.sampled_from((0.1, 1.005, 2.675, 1e-7, 5e-7, 1e15, 1e21, 1e32, -0.0, -1.5, float("nan"), float("inf")))
    return st.one_of(money, money, st.floats(0, 10**6), odd, st.none())


def decimal_amounts() -> Values:
    return st.one_of(st.decimals(-1, 10**6, places=8), st.integers(0, 10**4).map(Decimal), st.none())


def moments(started_at: int) -> st.SearchStrategy[datetime]:
    """Instants around the limits and in between, most of them young enough."""
    edges = st.sampled_from((0, 600, 601, -28 * 86_400, -28 * 86_400 - 1, -86_400, -7_200))
    ages = mostly(st.integers(-27 * 86_400, 0), st.integers(-30 * 86_400, 7_200), edges)
    fractions = st.sampled_from((0, 0, 1, 500_000, 999_999))
    return st.builds(
        lambda age, part: datetime.fromtimestamp(started_at + age, UTC) + timedelta(microseconds=part),
        ages,
        fractions,
    )


def _written(moment: datetime, zone: str) -> Values:
    there, seconds = moment.astimezone(ZoneInfo(zone)), int(moment.timestamp())
    naive = there.replace(tzinfo=None)
    forms = (
        there.isoformat(), there.isoformat(" "), naive.isoformat(), naive.isoformat(" "), f"{naive:%Y-%m-%d}",
        f"{naive:%Y-%m-%dT%H:%M}", f"{naive:%Y%m%dT%H%M%S}", f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y%m%dT%H%M%SZ}",
        f"{there:%Y-%m-%dT%H:%M:%S%z}", f"{moment:%Y-%m-%d %H:%M:%S,5z}", f"{moment:%Y-%m-%d %H:%M:%S+00}", f"{seconds}",
        f"{seconds}.75", f"{seconds}999", f"+{seconds}", f"{naive:%d/%m/%Y}", f"{naive:%Y-%m-%d %H:%M:%S} UTC", f"{naive:%Y-%m-%dT24:00}",
        f"{naive:%Y-%m-%dT%H:%M:60}", f"{naive:%Y-%m-%dT%H}", f"{seconds}e0", f"{naive:%Y%m%d}", f"{naive:%Y%m%d}.0",
        f"{there:%Y-%m-%d %H:%M:%S %z}", f"{there:%Y-%m-%dt%H:%M:%S  %z}", f"{moment:%Y-%m-%d %H:%M:%S.999999999999 utc}",
        f"{moment:%Y%m%dt%H%M%S,5gmt}", f"{naive:%Y-%m-%dt24:00:00.00}", f"{naive:%Y-%m-%d 24:00:00} Z", f"{naive:%Y%m%dT240000}",
    )  # fmt: skip
    return st.sampled_from(forms)


def timestamps(started_at: int) -> st.SearchStrategy[Column]:
    """The type of a timestamp column, with the strategy its values are drawn from in place of the values."""
    instants = moments(started_at)
    seconds = instants.map(lambda moment: int(moment.timestamp()))
    extremes = st.sampled_from(
        (0, -1, 10**11 - 1, 10**11, 10**15 - 1, 10**15, -(10**15), -62_135_596_801, 253_402_300_800_000)
    )
    written = st.tuples(instants, st.sampled_from(ZONES)).flatmap(lambda pair: _written(*pair))
    naive = instants.map(lambda moment: moment.replace(tzinfo=None))
    digits = naive.map(lambda moment: int(f"{moment:%Y%m%d}"))
    wholes = mostly(st.one_of(seconds, seconds.map(lambda number: number * 1000 + 999), digits), extremes, st.none())
    floats = mostly(
        st.one_of(seconds.map(lambda number: number + 0.75), digits.map(float)),
        extremes.map(float),
        st.just(float("nan")),
    )
    kinds: tuple[tuple[pa.DataType, Values], ...] = (
        (TEXT, texts(written)),
        (WHOLE, wholes),
        (FLOAT, floats),
        (
            pa.decimal128(30, 6),
            mostly(seconds.map(lambda number: Decimal(number) + Decimal("0.999999")), st.none()),
        ),
        (pa.timestamp("us"), mostly(naive, st.none())),
        (pa.timestamp("ms"), mostly(naive.map(_milliseconds), st.none())),
        (pa.timestamp("s"), mostly(naive.map(lambda moment: moment.replace(microsecond=0)), st.none())),
        (pa.timestamp("ms", tz="UTC"), mostly(instants.map(_milliseconds), st.none())),
        (pa.timestamp("us", tz="America/New_York"), mostly(instants, st.none())),
        (pa.date32(), mostly(naive.map(datetime.date), st.just(date(1, 1, 1)), st.none())),
    )
    return st.sampled_from(kinds)


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def addresses() -> Values:
    known = st.sampled_from(
        ("8.8.8.8", "10.1.2.3", "100.64.0.1", "203.0.113.7", "239.1.1.1", "::", "::1", "fe80::1", "fe80::1%eth0", "2001:db8::1",
         "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::FFFF:7F00:1", "1:2:3:4:5:6:7:8", "1::2::3", "08.8.8.8", "1.2.3", "64:ff9b::1.2.3.4",
         "8.8.8.8/32", "8.8.8.0/24", "2001:4860::1/128", "::ffff:8.8.8.8/128", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.256", "fdff::", "12345::")
    )  # fmt: skip
    return texts(st.one_of(known, st.ip_addresses().map(str), st.text("0123456789abcdef.:%/", max_size=20)))


def currencies() -> Values:
    listed = st.sampled_from(sorted(LISTED_CURRENCIES))
    return texts(
        st.one_of(listed, listed.map(str.lower), st.sampled_from(("XOF", "GEL", "uſd", "ıNR", "ZZZ", "DEM", "US")))
    )


IDS = ("e1", "e1", "e2", "E1", " e1", "7", "ü", 'q"\\')
EVENTS = (
    *["Purchase"] * 60,
    *["Lead"] * 9,
    *sorted(LEGACY_EVENTS),
    *sorted(STANDARD_EVENTS),
    "MyEvent",
    "purchase",
)
WORDS = texts(
    st.sampled_from(
        (
            "A1",
            "Bun",
            'say "hi"',
            "naïve \\ path",
            "line\nbreak",
            "00123",
            "1.50",
            "😀",
            "St. John's",
            "O’Connor–X",
            "ǅ",
        )
    )
)
WORD_KINDS: tuple[tuple[pa.DataType, Values], ...] = (
    (TEXT, WORDS),
    (pa.large_string(), WORDS),
    (WHOLE, st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3), st.none())),
    (
        FLOAT,
        st.one_of(st.floats(-1e22, 1e22, allow_nan=False), st.sampled_from((1.0, 2.5, 1e16, -0.0, 1e-7)), st.none()),
    ),
    (pa.decimal128(20, 4), st.one_of(st.decimals(-(10**6), 10**6, places=4), st.none())),
    (pa.bool_(), st.one_of(st.booleans(), st.none())),
    (pa.date32(), st.one_of(st.dates(), st.none())),
)
AMOUNT_KINDS = (
    (TEXT, amounts()),
    (FLOAT, float_amounts()),
    (pa.decimal128(30, 8), decimal_amounts()),
    (WHOLE, st.integers(-1, 9)),
)
EMAIL_KINDS = ((TEXT, emails()), (TEXT, emails()), (pa.list_(TEXT), lists(emails())))
PHONE_KINDS = (
    (TEXT, phones()),
    (TEXT, phones()),
    (pa.list_(TEXT), lists(phones())),
    (WHOLE, phone_numbers()),
)
ZIPS = texts(
    st.sampled_from(
        (
            "95110",
            "95110-1234",
            "M5V 3L9",
            "SW1A 1AA",
            "-",
            "９５110",
            "９５１１０－１２３４",
            "٩٥١١٠",
            "95110–1234",
            "Ｍ５Ｖ　３Ｌ９",
        )
    )
)
WORDY = ("content_id", "content_name", "content_category", "brand", "order_id", "shop_id", "description", "content_type",
         "agent", "user_agent", "cookie_id", "ttp", "tiktok_click_id", "ttclid", "locale", "city", "state", "referrer_url",
         "external_id", "first_name", "last_name")  # fmt: skip
KINDS: dict[str, tuple[tuple[pa.DataType, Values], ...]] = {
    "event": ((TEXT, texts(st.sampled_from(EVENTS))),),
    "event_id": (
        (TEXT, texts(st.sampled_from(IDS))),
        (WHOLE, st.integers(0, 2)),
        (FLOAT, st.sampled_from((1.0, 2.0, 1e16, None))),
    ),
    "event_source": (
        (TEXT, mostly(st.sampled_from(("web", "offline")), BLANK, st.sampled_from(("Web", "app", "crm")))),
    ),
    "event_source_id": (
        (TEXT, mostly(st.sampled_from((PIXEL, "123")), BLANK, ANY_TEXT, st.just("٣"))),
        (WHOLE, st.integers(1, 2)),
        (FLOAT, st.sampled_from((1.0, 1e18, None))),
    ),
    "event_set_id": ((TEXT, st.sampled_from(("123", "456", None))),),
    **dict.fromkeys(("email", "emails", "mail_2"), EMAIL_KINDS),
    **dict.fromkeys(("phone", "phones", "phone_numbers"), PHONE_KINDS),
    "ip": ((TEXT, addresses()),),
    "zip_code": ((TEXT, ZIPS), (WHOLE, st.integers(0, 99_999))),
    "country": ((TEXT, texts(st.sampled_from(("US", "us", "de", "USA", "Kr", "1A", "ÑÑ")))),),
    "page_url": ((TEXT, mostly(st.just("https://shop.example/p?a=1"), BLANK, ANY_TEXT)),),
    "currency": ((TEXT, currencies()),),
    "event_channel": ((TEXT, texts(st.sampled_from((*sorted(CHANNELS), *sorted(CHANNELS), "In_Store")))),),
    **dict.fromkeys(("price", "quantity", "value"), AMOUNT_KINDS),
    **dict.fromkeys(WORDY, WORD_KINDS),
    "x": (
        *WORD_KINDS,
        (pa.list_(TEXT), lists(st.one_of(st.none(), ANY_TEXT))),
        (pa.list_(WHOLE), lists(st.integers(0, 9))),
    ),
}
USUAL = {
    "event": 96,
    "event_id": 80,
    "email": 90,
    "phone": 50,
    "page_url": 95,
    "timestamp": 98,
    "currency": 40,
    "event_channel": 40,
}
"""In how many tables of a hundred a column is; any other in 20."""


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    web = draw(st.booleans())
    return Settings(
        started_at=draw(st.sampled_from(STARTS)),
        event_source="web" if web else "offline",
        event_source_id=PIXEL if web else "7654321098765432109",
        fixed_event_name=draw(st.sampled_from((None, "Purchase", "CompletePayment"))),
        limited_data_use=draw(st.booleans()),
        custom_events=draw(st.sampled_from(((), ("MyEvent",)))),
        default_region=draw(st.sampled_from(("US", "US", "CA", "GB", "DE", "IT", "BR", "AR", "AG", "CN", "KZ"))),
        timezone=draw(st.sampled_from(ZONES)),
        max_age_days=draw(st.sampled_from((28, 28, 28, 365, 1))),
        line_items=draw(st.sampled_from((True, True, False))),
        identical_rows=draw(st.sampled_from(("keep", "keep", "drop", "reject"))),
        negative_lines=draw(st.sampled_from(("subtract", "subtract", "reject"))),
    )


@st.composite
def columns(draw: st.DrawFn, started_at: int) -> dict[str, Column]:
    """A table as column -> (Arrow type, values), all of one length, names in any case.

    A column repeats a few values, so that rows share keys and fields.
    """
    count = draw(st.integers(0, 8))
    drawn: dict[str, Column] = {}
    for name in ("timestamp", *KINDS):
        if 0 < draw(st.integers(0, 99)) <= 100 - USUAL.get(name, 20):
            continue
        kinds = timestamps(started_at) if name == "timestamp" else st.sampled_from(KINDS[name])
        kind, values = draw(kinds)
        written = draw(st.sampled_from((name, name, name.upper(), name.title())))
        pool = draw(st.lists(values, min_size=1, max_size=3))
        drawn[written] = (kind, draw(st.lists(st.sampled_from(pool), min_size=count, max_size=count)))
    return drawn or {"event": (TEXT, ["Purchase"] * count)}


def mappings() -> st.SearchStrategy[dict[str, object] | None]:
    """What a template says over the identity template, or None."""
    overrides: dict[str, object] = {
        "email": ["mail_2", "email", "emails"],
        "event": {"value": "Lead"},
        "timestamp": {"column": "timestamp", "timezone": "America/New_York"},
        "value": {"column": "value", "first": True},
        "currency": {"value": " eur"},
        "order_id": {"value": 42},
        "phone": ["phones", "phone"],
        "properties.x": "x",
        'properties.of "mine"': {"value": True},
    }
    chosen = st.lists(st.sampled_from(sorted(overrides)), unique=True, max_size=5)
    templates = chosen.map(lambda names: {name: overrides[name] for name in names})
    return st.one_of(st.none(), st.none(), templates)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    chosen = draw(settings())
    return Example(draw(columns(chosen.started_at)), chosen, draw(mappings()))
