"""The event transform once more, row by row in plain Python, to hold the columnar one against.

Worked out from the rules for events and TikTok's API page alone; it shares no code with `connector`.
It is written to be read beside those pages and is slow.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from zoneinfo import ZoneInfo

from tests import reference_values as values
from tests.reference_vocabulary import (
    CHANNELS,
    COLUMNS,
    LEGACY_EVENTS,
    LISTED_CURRENCIES,
    OTHER_CURRENCIES,
    STANDARD_EVENTS,
)

LIMITS = {"price": Decimal(10) ** 14, "quantity": Decimal(10) ** 12, "value": Decimal(10) ** 32}
INEXACT = "(a number with digits lost)"
CONTENT = ("content_id", "content_name", "content_category", "brand")
ALIASES = {column: parameter for parameter, columns in COLUMNS.items() for column in columns}

IDS = ("event_id", "order_id", "shop_id", "content_id", "tiktok_click_id", "cookie_id")
SHOWN = {"event", "currency", "order_id", "shop_id", "event_channel", "tiktok_click_id", "cookie_id"}
SHOWN |= {*CONTENT, "price", "quantity"}
"""What identical rows are told by as it is sent, not as it was given."""

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Settings:
    """What the destination and the run decide; `started_at` is Unix seconds."""

    started_at: int
    event_source: str = "offline"
    event_source_id: str = "7654321098765432109"
    fixed_event_name: str | None = None
    limited_data_use: bool = False
    custom_events: tuple[str, ...] = ()
    default_region: str = "US"
    timezone: str = "UTC"
    max_age_days: int = 28
    line_items: bool = True
    identical_rows: str = "keep"
    negative_lines: str = "subtract"


@dataclass
class Event:
    """One event: where it is routed, its JSON object in the order it is written, and its rows from 1."""

    event_source: str
    event_source_id: str
    data: dict[str, object]
    rows: list[int]


@dataclass
class Result:
    events: list[Event] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    identical_value: dict[str, Decimal] = field(default_factory=dict)


def event_json(event: Event) -> str:
    """The exact text of the event in a request body."""
    return values.json_text(event.data)


def identity_template() -> dict[str, object]:
    """The built-in template as `parameters`: what a template that `extends` it adds to."""
    return {parameter: list(columns) for parameter, columns in COLUMNS.items()}


def transform(
    rows: Sequence[Mapping[str, object]], settings: Settings, mapping: Mapping[str, object] | None = None
) -> Result:
    """Rows as pyarrow's `to_pylist` gives them -> events, and what became of every other row.

    `mapping` is a data template's `parameters` in full (nothing is added to it); None is the identity template.
    """
    sources = {ALIASES.get(name, name): source for name, source in (mapping or identity_template()).items()}
    if not any(_columns_of(sources, name, rows) for name in ("event_id", "order_id", "content_id")):
        settings = replace(settings, line_items=False)
    read = [Row(number, row, sources, settings) for number, row in enumerate(rows, 1)]
    result = Result(warnings=Counter(warning for row in read for warning in row.warnings))
    result.rejected = {row.number: row.reason for row in read if row.reason}
    if settings.line_items:
        _group(read, result, settings)
    else:
        _each(read, result)
    result.rejected = dict(sorted(result.rejected.items()))
    return result


def _columns_of(sources: Mapping[str, object], parameter: str, rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns of a result that fill a parameter."""
    source = sources.get(parameter)
    named = source.get("column") if isinstance(source, Mapping) else source
    names = {str(name).lower() for name in (named if isinstance(named, list) else [named])}
    return [name for row in rows[:1] for name in row if name.lower() in names]


def _group(read: list["Row"], result: Result, settings: Settings) -> None:
    """Rows of one key are one event, sent whole or not at all."""
    groups: dict[Key, list[Row]] = {}
    for row in read:
        if row.key:
            groups.setdefault(row.key, []).append(row)
    orphans = [row for row in read if not row.key and row.routed]
    for rows in groups.values():
        if any(row.reason for row in rows) or any(_may_belong(orphan, rows[0]) for orphan in orphans):
            result.rejected.update({row.number: "incomplete_event" for row in rows if not row.reason})
            continue
        rows = _without_identical(rows, result) if settings.identical_rows == "drop" else rows
        if reason := _event_reason(rows, settings):
            result.rejected.update({row.number: reason for row in rows})
            continue
        result.events.append(_event(rows))
        _warn_of_lines(rows, result)
        first = values.json_text(rows[0].shared)
        conflicting = sum(values.json_text(row.shared) != first for row in rows)
        result.warnings.update({"conflicting_rows": conflicting} if conflicting else {})


def _may_belong(orphan: "Row", row: "Row") -> bool:
    """Whether a row of an order, of which no day is known, may be a line of this row's event."""
    if orphan.time is not None or orphan.event is None or orphan.order_id is None or row.given_id:
        return False
    orders = ((one.source, one.source_id, one.event, one.order_id, one.an_id("shop_id")) for one in (orphan, row))
    return len({*orders}) == 1


def _without_identical(rows: list["Row"], result: Result) -> list["Row"]:
    kept: list[Row] = []
    for row in rows:
        if any(row.mapped == other.mapped for other in kept):
            result.skipped[row.number] = "duplicate"
        else:
            kept.append(row)
    return kept


def _event_reason(rows: list["Row"], settings: Settings) -> str | None:
    """Why a whole event is rejected, the first reason that applies."""
    if len({row.currency for row in rows}) > 1:
        return "conflicting_currency"
    if reduce(values.EXACT.add, (row.amount or Decimal(0) for row in rows)) < 0:
        return "invalid_amount"
    return "identical_rows" if settings.identical_rows == "reject" and _identical(rows) else None


def _identical(rows: list["Row"]) -> list["Row"]:
    return [row for place, row in enumerate(rows) if any(row.mapped == other.mapped for other in rows[:place])]


def _warn_of_lines(rows: list["Row"], result: Result) -> None:
    for row in _identical(rows):
        result.warnings["identical_rows"] += 1
        if row.amount:
            so_far = result.identical_value.get(row.currency, Decimal(0))
            result.identical_value[row.currency] = values.EXACT.add(so_far, row.amount)
    result.identical_value = {currency: value for currency, value in result.identical_value.items() if value}
    priced = sum(row.priced for row in rows)
    incomplete = sum(not row.priced and (priced > 0 or row.lacks_amount) for row in rows)
    result.warnings.update({"incomplete_amount": incomplete} if incomplete else {})


def _each(read: list["Row"], result: Result) -> None:
    """Each row is an event; the same key again is a duplicate."""
    seen: set[Key] = set()
    for row in read:
        if row.reason or not row.key:
            continue
        if row.key in seen:
            result.skipped[row.number] = "duplicate"
            continue
        seen.add(row.key)
        result.events.append(_event([row]))
        _warn_of_lines([row], result)


def _event(rows: list["Row"]) -> Event:
    first = rows[0]
    contents = [row.content for row in rows if row.content and not row.is_negative]
    amounts = [row.amount for row in rows if row.amount is not None]
    properties: dict[str, object] = dict(first.properties)
    if contents:
        properties["contents"] = contents
    if amounts:
        properties["value"] = reduce(values.EXACT.add, amounts)
    return Event(first.source, first.source_id, first.shared | {"properties": properties}, [r.number for r in rows])


class Row:
    """One row, read and judged by itself: `reason` is why it cannot be sent, if it cannot."""

    def __init__(
        self, number: int, row: Mapping[str, object], sources: Mapping[str, object], settings: Settings
    ) -> None:
        self.number = number
        self.settings = settings
        self.sources = sources
        self.columns = {name.lower(): value for name, value in row.items()}
        self.mapped: dict[str, object] = {name: _comparable(self._raw(name)) for name in {*sources} - SHOWN}
        self.warnings: set[str] = set()
        self.has_inexact_id = False
        self._route()
        self._name_and_time()
        self._money()
        self.mapped |= {"value": self.amounts.get("value")} if "value" in self.mapped else {}
        self._identify()
        self._surroundings()
        self.content_id = self.an_id("content_id")
        self.properties = self._properties()
        self.given_id = self.an_id("event_id")
        self.order_id = None if self.option("order_id", "value") is not None else self.an_id("order_id")
        self.id = self.given_id or self._derived_id()
        self.shared = self._shared()
        self.mapped |= {"shown": values.json_text([self.shared, self.properties, self.content])}
        self.reason = next(self._reasons(), None)
        self.key = self._key()

    def _raw(self, parameter: str) -> list[object]:
        """The values of a parameter, one for each of its columns that the row has."""
        source = self.sources.get(parameter)
        if isinstance(source, Mapping) and "value" in source:
            return [source["value"]]
        named = source.get("column") if isinstance(source, Mapping) else source
        names = named if isinstance(named, list) else [named]
        return [self.columns[str(name).lower()] for name in names if str(name).lower() in self.columns]

    def one(self, parameter: str) -> object:
        return next(iter(self._raw(parameter)), None)

    def text(self, parameter: str) -> str | None:
        return values.text(self.one(parameter))

    def option(self, parameter: str, name: str) -> object:
        source = self.sources.get(parameter)
        return source.get(name) if isinstance(source, Mapping) else None

    def identifiers(self, parameter: str) -> list[str]:
        """Everything given for an identifier, blanks left out."""
        flat: list[object] = []
        for value in self._raw(parameter):
            flat.extend(value if isinstance(value, list) else [value])
        texts = (INEXACT if values.is_inexact(value) else values.text(value) for value in flat)
        return [plain for plain in texts if plain]

    def seen(self, parameter: str) -> str | None:
        """The text without characters that nobody sees."""
        given = self.text(parameter)
        return values.visible(given).strip() or None if given else None

    def an_id(self, parameter: str) -> str | None:
        """An id: a word that stands for nothing is none."""
        self.has_inexact_id |= parameter in IDS and values.is_inexact(self.one(parameter))
        given = self.seen(parameter)
        if given and given.lower() in values.PLACEHOLDERS:
            self.warnings.add("placeholder_value")
            return None
        return given

    def an_address(self, parameter: str) -> str | None:
        """The address of a page, likewise, of which invisible characters are kept."""
        return (
            self.text(parameter)
            if (self.text(parameter) or "").lower() not in values.PLACEHOLDERS
            else self.an_id(parameter)
        )

    def _route(self) -> None:
        self.source = self.text("event_source") or self.settings.event_source
        self.source_id = self.text("event_source_id") or self.settings.event_source_id
        self.web = self.source == "web"
        decimal = self.source_id.isascii() and self.source_id.isdigit()
        fits = self.source_id.isascii() and self.source_id.isalnum() if self.web else decimal
        self.routed = self.source in ("web", "offline") and fits and not values.is_inexact(self.one("event_source_id"))

    def _name_and_time(self) -> None:
        self.event = self.text("event") or self.settings.fixed_event_name
        custom = self.settings.custom_events if self.web else ()
        self.known = self.event in STANDARD_EVENTS | LEGACY_EVENTS or self.event in custom
        if self.event in LEGACY_EVENTS:
            self.warnings.add("legacy_event_name")
        self.zone = ZoneInfo(str(self.option("timestamp", "timezone") or self.settings.timezone))
        self.time: int | None = None
        self.time_is_valid = True
        try:
            self.time = values.event_time(self.one("timestamp"), self.zone)
        except values.Invalid:
            self.time_is_valid = False

    def _oldest(self) -> int:
        """The earliest time that is sent; of days, the beginning of the first."""
        started, days = self.settings.started_at, self.settings.max_age_days
        if values.is_day(self.one("timestamp")):
            return values.first_day(started, days, self.zone)
        return started - days * 86_400

    def _money(self) -> None:
        self.currency = (self.text("currency") or "USD").upper()
        if self.currency in OTHER_CURRENCIES:
            self.warnings.add("currency_not_listed")
        self.amounts: dict[str, Decimal] = {}
        self.amounts_are_valid, self.is_negative = True, False
        self.priced = self._is_given("price") and self._is_given("quantity")
        may_be_negative = self.settings.line_items and self.settings.negative_lines == "subtract"
        for parameter, limit in LIMITS.items():
            used = parameter != "value" or not self.priced or bool(self.option("value", "first"))
            try:
                amount = values.amount(self.one(parameter), limit)
            except values.Invalid:
                self.amounts_are_valid &= not used
                continue
            if amount is None:
                continue
            self.amounts[parameter] = values.micro(amount)
            negative = amount < 0
            self.amounts_are_valid &= may_be_negative or not (negative and used)
            self.is_negative |= negative and used

    @property
    def lacks_amount(self) -> bool:
        """Whether a column gives price or quantity, and nothing gives an amount."""
        given = (self._is_given(name) and self.option(name, "value") is None for name in ("price", "quantity"))
        return any(given) and self._unsigned is None

    def _is_given(self, parameter: str) -> bool:
        """Whether something stands there that is no blank text: a number that is none is given, too."""
        value = self.one(parameter)
        return values.text(value) is not None if isinstance(value, str) else value is not None

    def _identify(self) -> None:
        country = self.an_id("country") if self.web or self._raw("phone") else None
        own = self.an_id("phone_region") or country
        region = (values.country(own or "") or self.settings.default_region).upper()
        given = {
            "email": [values.email_identifiers(one) for one in self.identifiers("email")],
            "phone": [values.phone_identifiers(one, region) for one in self.identifiers("phone")],
            "external_id": [
                values.Given(invalid=True) if one == INEXACT else values.text_identifier(plain)
                for one in self.identifiers("external_id")
                if self.web and (plain := values.visible(one).strip())
            ],
        }
        every = [one for some in given.values() for one in some]
        self.identified = any(one.anything for one in every)
        self.warnings |= {f"invalid_{name}" for name, some in given.items() if any(one.invalid for one in some)}
        self.warnings |= {"placeholder_value"} if any(one.placeholder for one in every) else set()
        if own and not values.country(own) and any(one.anything for one in given["phone"]):
            self.warnings.add("unknown_country")
        self.emails, self.phones, self.external_ids = (
            values.distinct(digest for one in some for digest in one.digests) for some in given.values()
        )

    def _surroundings(self) -> None:
        """What only web events have: address, device and page."""
        self.ip = values.without_prefix(self.text("ip")) if self.web else None
        if self.ip and not values.public_ip(self.ip):
            self.warnings.add("invalid_ip")
            self.ip = None
        self.limited = self.web and self.settings.limited_data_use
        if self.limited and not self.ip:
            self.warnings.add("missing_ip_for_ldu")
        pages = {"url": "page_url", "referrer": "referrer_url"}
        self.page = _present({key: self.an_address(name) for key, name in pages.items()}) if self.web else {}

    def _user(self) -> dict[str, object]:
        user = {"email": _few(self.emails), "phone": _few(self.phones)}
        if not self.web:
            return _present(user)
        written, region = self.an_id("country"), self.settings.default_region
        country = values.country(written or "")
        if written and not country:
            self.warnings.add("unknown_country")
        city, state = self.an_id("city"), self.an_id("state")
        return _present(
            user
            | {
                "external_id": _few(self.external_ids),
                "ttclid": self.an_id("tiktok_click_id"),
                "ttp": self.an_id("cookie_id"),
                "ip": self.ip,
                "user_agent": self.text("agent"),
                "locale": self.text("locale"),
                "first_name": self._hashed("first_name", values.name),
                "last_name": self._hashed("last_name", values.name),
                "zip_code": self._hashed("zip_code", lambda plain: values.zip_code(plain, written, country, region)),
                "city": values.place(city) if city else None,
                "state": values.place(state) if state else None,
                "country": country,
            }
        )

    def _hashed(self, parameter: str, normalise: "values.Normaliser") -> str | None:
        plain = self.an_id(parameter) if parameter == "zip_code" else self.seen(parameter)
        digest = values.given_digest(plain) if plain else None
        if digest:
            return None if digest == values.NOTHING else digest
        return normalise(plain) if plain else None

    def _properties(self) -> dict[str, object]:
        known = {
            "content_type": self.text("content_type") or "product",
            "currency": self.currency,
            "order_id": self.an_id("order_id"),
            "shop_id": self.an_id("shop_id"),
            "description": self.text("description"),
            "event_channel": self.text("event_channel"),
        }
        own = [name for name in self.sources if name.startswith("properties.")]
        further = {name.removeprefix("properties."): _plain(self.one(name)) for name in own}
        return _present(known | further)

    @property
    def content(self) -> dict[str, object]:
        texts: dict[str, object] = {parameter: self.text(parameter) for parameter in CONTENT}
        texts["content_id"] = self.content_id
        return _present(texts | {name: self.amounts.get(name) for name in ("price", "quantity")})

    @property
    def amount(self) -> Decimal | None:
        """What the row adds to its event's value; one that reduces it does so whatever its signs."""
        amount = self._unsigned
        return amount.copy_abs().copy_negate() if amount and self.is_negative else amount

    @property
    def _unsigned(self) -> Decimal | None:
        price, quantity, value = (self.amounts.get(name) for name in ("price", "quantity", "value"))
        product = None
        if price is not None and quantity is not None:
            product = values.micro(values.EXACT.multiply(price, quantity))
        order = (value, product) if self.option("value", "first") else (product, value)
        return next((amount for amount in order if amount is not None), None)

    @property
    def day(self) -> str | None:
        """The day of the row's time in the destination's time zone."""
        if self.time is None:
            return None
        return datetime.fromtimestamp(self.time, ZoneInfo(self.settings.timezone)).strftime("%Y-%m-%d")

    def _derived_id(self) -> str | None:
        if self.time is None or self.event is None:
            return None
        if self.order_id is not None:
            return _digest(["order", self.event, self.day, self.order_id, self.an_id("shop_id")])
        identity = [sorted(self.emails), sorted(self.phones), sorted(self.external_ids)]
        without_content = not _columns_of(self.sources, "content_id", [self.columns])
        amount = [self._unsigned] if without_content else []
        return _digest([*identity, self.event, self.time, *amount])

    def _key(self) -> Key | None:
        if not self.routed or not self.event or not self.id:
            return None
        return self.source, self.source_id, self.event, self.id

    def _shared(self) -> dict[str, object]:
        """The event object but for what the rows add up to; keys in the order they are written."""
        return _present(
            {
                "event": self.event,
                "event_time": self.time,
                "event_id": self.id,
                "limited_data_use": self.limited or None,
                "user": self._user() or None,
                "page": self.page if self.web else None,
                "properties": self.properties,
            }
        )

    def _reasons(self) -> Iterator[str]:
        """The reasons that apply, in their order of precedence."""
        started = self.settings.started_at
        too_old = self.time is not None and self.time < self._oldest()
        channel = self.text("event_channel")
        conditions = {
            "invalid_event_source_id": not self.routed,
            "missing_event": not self.event,
            "unknown_event": not self.known,
            "missing_timestamp": self.time is None and self.time_is_valid,
            "invalid_timestamp": not self.time_is_valid,
            "event_too_old": too_old,
            "event_in_future": self.time is not None and self.time > started + 600,
            "invalid_currency": self.currency not in LISTED_CURRENCIES | OTHER_CURRENCIES,
            "invalid_amount": not self.amounts_are_valid,
            "invalid_event_channel": channel is not None and channel not in CHANNELS,
            "invalid_id": self.has_inexact_id,
            "missing_page_url": self.web and "url" not in self.page,
            "missing_identity": not self.identified,
            "invalid_identity": not (self.emails or self.phones or self.external_ids),
        }
        return (reason for reason, applies in conditions.items() if applies)


def _digest(parts: list[object]) -> str:
    return values.sha256(values.json_text(parts))[:36]


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _comparable(given: list[object]) -> list[object]:
    """Values as they are compared: texts stripped, blank ones and empty lists nothing."""
    some = [None if value == [] else value for value in given]
    return [values.text(value) if isinstance(value, str) else value for value in some]


def _few(digests: list[str]) -> object:
    return digests[0] if len(digests) == 1 else digests or None


def _plain(value: object) -> object:
    """A further property: numbers, booleans and nested values stay, text is stripped, times become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    nested = isinstance(value, int | float | Decimal | list | dict)
    return value if nested else values.text(value)
