"""Checks of a request's events: identifiers, plain personal data, and values a careful sender would not send.

Columnar over all events of a request, since the simulator has to keep up with the connector.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import UNSET

from connector.catalogue.vocabulary import LISTED_CURRENCIES
from connector.simulator.pii_scan import all_digests, count_pii, decode_events, digest_problems, may_contain_pii
from connector.simulator.request_body import TrackBody
from connector.simulator.world import World

ATTRIBUTION_SECONDS = 28 * 24 * 3_600
"""Older offline events are not matched (TikTok's offline page and a vendor's); nothing says that they are refused."""
FUTURE_SECONDS = 10 * 60
_ACCEPTED_CURRENCIES = frozenset((*LISTED_CURRENCIES, UNSET))
_TIME, _CURRENCY = attrgetter("event_time"), attrgetter("properties.currency")


class QuestionableField(NamedTuple):
    """A field that TikTok might refuse."""

    event: int
    """The index of the event, from 0."""
    field: str
    problem: str


@dataclass(slots=True)
class PayloadReport:
    """The result of the checks."""

    carries: list[int]
    """A bit for each identifier that an event carries, in the order of `identity`."""
    identity: tuple[str, ...]
    hashed: frozenset[str]
    typed: bool
    """Whether every field has the type that the catalogue gives it."""
    violations: Counter[str] = field(default_factory=Counter)
    unhashed: bool = False
    """Whether an identifier field is not hashed; a plain identifier in another text does not count."""
    notes: Counter[str] = field(default_factory=Counter)
    doubt: QuestionableField | None = None
    """The first event that a note is about."""

    def record(self, problem: str, field: str, positions: list[int]) -> None:
        """Note the events at these positions."""
        if positions:
            self.notes[problem] += len(positions)
            self.doubt = self.doubt or QuestionableField(positions[0], field, problem)


def check_payload(body: TrackBody, world: World) -> PayloadReport:
    """Check the events of a well-formed request."""
    events, schema = body.events, body.schema
    columns = {name: list(map(attrgetter(f"user.{name}"), events)) for name in schema.identity}
    hashed = frozenset(schema.hashed)
    report = PayloadReport(
        _identifier_bits(columns, len(events)), schema.identity, hashed, world.strictness.types == "all"
    )
    for name in schema.hashed:
        values = _values(columns[name])
        if not all_digests(values):
            report.violations.update(digest_problems(name, values))
    report.unhashed = bool(report.violations)
    if may_contain_pii(body.content):
        report.violations.update(count_pii(decode_events(body.data()), hashed))
    _note_questionable_events(report, events, body.event_source, world.clock())
    return report


def _identifier_bits(columns: dict[str, list[Any]], events: int) -> list[int]:
    bits = [0] * events
    for bit, column in enumerate(columns.values()):
        absent = column.count(UNSET)
        if absent < events:
            flag = 1 << bit
            bits = [before if value is UNSET else before | flag for before, value in zip(bits, column, strict=True)]
    return bits


def _values(column: list[Any]) -> list[Any]:
    """Flatten a field that takes one or several values."""
    kinds = set(map(type, column))
    if kinds == {list}:
        return list(chain.from_iterable(column))
    present = [value for value in column if value is not UNSET]
    if list not in kinds:
        return present
    return [one for value in present for one in (value if isinstance(value, list) else (value,))]


def _note_questionable_events(report: PayloadReport, events: list[Any], source: str, now: float) -> None:
    times = list(map(_TIME, events))
    if source == "offline" and min(times) < now - ATTRIBUTION_SECONDS:
        old = [index for index, time in enumerate(times) if time < now - ATTRIBUTION_SECONDS]
        report.record("offline events older than 28 days, which TikTok does not attribute", "event_time", old)
    if max(times) > now + FUTURE_SECONDS:
        future = [index for index, time in enumerate(times) if time > now + FUTURE_SECONDS]
        report.record("events in the future, as milliseconds are", "event_time", future)
    currencies = set(map(_CURRENCY, events)) if report.typed else set()
    if not currencies <= _ACCEPTED_CURRENCIES:
        unlisted = [index for index, event in enumerate(events) if _CURRENCY(event) not in _ACCEPTED_CURRENCIES]
        report.record("events with a currency that TikTok does not list", "properties.currency", unlisted)
    if source in {"web", "app"}:
        limited = [index for index, event in enumerate(events) if event.limited_data_use is True]
        without = [index for index in limited if events[index].user.ip is UNSET]
        report.record("events with limited_data_use and no ip, without which it has no effect", "user.ip", without)
