"""What a request's events carry, and what a careful sender would not have sent.

Column by column over all events of a request, since it has to keep up with the connector.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import UNSET

from connector.simulator.bodies import Body
from connector.simulator.digests import all_digests, faults
from connector.simulator.plain import found_in, parsed, suspicious
from connector.simulator.world import World
from connector.vocabulary import LISTED_CURRENCIES

ATTRIBUTED_SECONDS = 28 * 24 * 3_600
"""Older offline events are not matched (TikTok's offline page and a vendor's); nothing says that they are refused."""
FUTURE_SECONDS = 10 * 60
_LISTED = frozenset((*LISTED_CURRENCIES, UNSET))
_TIME, _CURRENCY = attrgetter("event_time"), attrgetter("properties.currency")


class Doubt(NamedTuple):
    """An event, counted from 0, and its field, that TikTok might refuse."""

    place: int
    field: str
    what: str


@dataclass(slots=True)
class Examined:
    """`carries` has a bit for each identifier that an event carries, in the order of the shape's `identity`."""

    carries: list[int]
    identity: tuple[str, ...]
    hashed: frozenset[str]
    typed: bool
    """Whether every field has the type that the catalogue gives it."""
    violations: Counter[str] = field(default_factory=Counter)
    unhashed: bool = False
    """Whether an identifier is no digest, as against a plain one in some other text."""
    notes: Counter[str] = field(default_factory=Counter)
    doubt: Doubt | None = None
    """The first of what the notes are about."""

    def note(self, what: str, field: str, places: list[int]) -> None:
        """Note the events at these places, of which the first stands for all."""
        if places:
            self.notes[what] += len(places)
            self.doubt = self.doubt or Doubt(places[0], field, what)


def examine(body: Body, world: World) -> Examined:
    """Look through the events of a request that has the right form."""
    events, shape = body.events, body.shape
    columns = {name: list(map(attrgetter(f"user.{name}"), events)) for name in shape.identity}
    hashed = frozenset(shape.hashed)
    examined = Examined(_carried(columns, len(events)), shape.identity, hashed, world.strictness.types == "all")
    for name in shape.hashed:
        values = _values(columns[name])
        if not all_digests(values):
            examined.violations.update(faults(name, values))
    examined.unhashed = bool(examined.violations)
    if suspicious(body.whole):
        examined.violations.update(found_in(parsed(body.data()), hashed))
    _note(examined, events, body.event_source, world.clock())
    return examined


def _carried(columns: dict[str, list[Any]], events: int) -> list[int]:
    carried = [0] * events
    for bit, column in enumerate(columns.values()):
        absent = column.count(UNSET)
        if absent < events:
            flag = 1 << bit
            carried = [had if value is UNSET else had | flag for had, value in zip(carried, column, strict=True)]
    return carried


def _values(column: list[Any]) -> list[Any]:
    """Every value of a field that takes one or several."""
    kinds = set(map(type, column))
    if kinds == {list}:
        return list(chain.from_iterable(column))
    given = [value for value in column if value is not UNSET]
    if list not in kinds:
        return given
    return [one for value in given for one in (value if isinstance(value, list) else (value,))]


def _note(examined: Examined, events: list[Any], source: str, now: float) -> None:
    times = list(map(_TIME, events))
    if source == "offline" and min(times) < now - ATTRIBUTED_SECONDS:
        old = [place for place, time in enumerate(times) if time < now - ATTRIBUTED_SECONDS]
        examined.note("offline events older than 28 days, which TikTok does not attribute", "event_time", old)
    if max(times) > now + FUTURE_SECONDS:
        ahead = [place for place, time in enumerate(times) if time > now + FUTURE_SECONDS]
        examined.note("events in the future, as milliseconds are", "event_time", ahead)
    currencies = set(map(_CURRENCY, events)) if examined.typed else set()
    if not currencies <= _LISTED:
        odd = [place for place, event in enumerate(events) if _CURRENCY(event) not in _LISTED]
        examined.note("events with a currency that TikTok does not list", "properties.currency", odd)
    if source in {"web", "app"}:
        limited = [place for place, event in enumerate(events) if event.limited_data_use is True]
        without = [place for place in limited if events[place].user.ip is UNSET]
        examined.note("events with limited_data_use and no ip, without which it has no effect", "user.ip", without)
