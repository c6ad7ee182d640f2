"""Counting the events of an accepted request: which are new, which are known."""

from collections import Counter
from itertools import compress, repeat
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from connector.simulator.bodies import Body
from connector.simulator.examination import Examined
from connector.simulator.known import MERGE_SECONDS, Admitted
from connector.simulator.plain import hidden
from connector.simulator.tally import Tally
from connector.simulator.world import World
from connector.vocabulary import LEGACY_EVENTS

_NAME, _ID = attrgetter("event"), attrgetter("event_id")
_CONVERTED = {old: new for old, new in LEGACY_EVENTS.items() if new}


def take(body: Body, examined: Examined, world: World) -> None:
    """Count the events, and record them where that is wished. Test events are counted apart and forgotten."""
    test = body.test_event_code is not None
    keys = [] if test else _keys(body, world)
    with world.lock:
        tally = world.tally
        tally.received += len(body.events)
        tally.largest_request = max(tally.largest_request, len(body.events))
        tally.notes.update(examined.notes)
        if test:
            tally.test_events += len(body.events)
            fresh = [True] * len(body.events)
        else:
            fresh = _count(tally, body, examined, world.known.admit(keys, examined.carries, world.clock()))
        if world.recording:
            plain_in = examined.hashed if examined.violations else None
            world.recording.write(_head(body, world), body.data(), fresh, plain_in)


def _keys(body: Body, world: World) -> list[int | None]:
    """A digest of source, name and id for each event; None for one that is never recognised."""
    source, events = body.event_source_id, body.events
    names, ids = list(map(_NAME, events)), list(map(_ID, events))
    if world.strictness.legacy_names == "converted":
        names = [_CONVERTED.get(name, name) for name in names]
    keys: list[int | None] = list(map(hash, zip(repeat(source), names, ids, strict=False)))
    if UNSET not in ids:
        return keys
    by_cookie = body.event_source == "web" and world.strictness.cookie_dedup == "on"
    for place, event_id in enumerate(ids):
        if event_id is UNSET:
            keys[place] = _cookie_key(source, events[place], world.clock()) if by_cookie else None
    return keys


def _cookie_key(source: str, event: Any, now: float) -> int | None:
    """An event without an id is known by its cookie, for five minutes: here, within the same five minutes."""
    ttp = event.user.ttp
    return hash((source, event.event, ttp, now // MERGE_SECONDS, "ttp")) if isinstance(ttp, str) else None


def _count(tally: Tally, body: Body, examined: Examined, admitted: Admitted) -> list[bool]:
    """Count by name and by what the events carry; gives which of them are new."""
    names = Counter(map(_NAME, compress(body.events, admitted.fresh)))
    tally.distinct += names.total()
    tally.duplicates += len(body.events) - names.total()
    tally.merged += len(admitted.merged)
    source = tally.events.setdefault(hidden(f"{body.event_source} {body.event_source_id}"), Counter())
    for name, number in names.items():
        source[hidden(name)] += number
    _count_identity(tally, examined, admitted)
    return admitted.fresh


def _count_identity(tally: Tally, examined: Examined, admitted: Admitted) -> None:
    carried = Counter(compress(examined.carries, admitted.fresh))
    for before, after in admitted.merged:
        carried[after & ~before] += 1
    for had, number in carried.items():
        for bit, name in enumerate(examined.identity):
            if had >> bit & 1:
                tally.identity[name] += number


def _head(body: Body, world: World) -> dict[str, Any]:
    """What is recorded beside each event."""
    head: dict[str, Any] = {
        "received_at": round(world.clock(), 3),
        "event_source": body.event_source,
        "event_source_id": hidden(body.event_source_id),
    }
    return head | ({"test_event_code": hidden(str(body.test_event_code))} if body.test_event_code is not None else {})
