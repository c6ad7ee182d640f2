"""Counting the events of an accepted request: which are new, which are known."""

from collections import Counter
from itertools import compress, repeat
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from connector.simulator.bodies import Body
from connector.simulator.examination import Examined
from connector.simulator.known import MERGE_SECONDS, Admitted
from connector.simulator.tally import Tally
from connector.simulator.world import World
from connector.vocabulary import LEGACY_EVENTS

_NAME, _ID = attrgetter("event"), attrgetter("event_id")
_CONVERTED = {old: new for old, new in LEGACY_EVENTS.items() if new}


def take(body: Body, examined: Examined, world: World) -> None:
    """Count the events, and record them where that is wished. Test events are counted apart and forgotten."""
    test, events = body.test_event_code is not None, body.events
    keys = [] if test else _keys(body, world)
    with world.lock:
        tally = world.tally
        tally.received += len(events)
        tally.largest_request = max(tally.largest_request, len(events))
        tally.notes.update(examined.notes)
        if test:
            tally.test_events += len(events)
            fresh = [True] * len(events)
        else:
            admitted = world.known.admit(keys, examined.carries, world.clock())
            fresh = admitted.fresh
            _count(tally, f"{body.event_source} {body.event_source_id}", events, examined, admitted)
        if world.recording:
            hidden = examined.hashed if examined.violations else None
            world.recording.write(_head(body, world), body.data(), fresh, hidden)


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
    return None if ttp is UNSET else hash((source, event.event, ttp, now // MERGE_SECONDS, "ttp"))


def _count(tally: Tally, source: str, events: list[Any], examined: Examined, admitted: Admitted) -> None:
    names = Counter(map(_NAME, compress(events, admitted.fresh)))
    new = names.total()
    tally.distinct += new
    tally.duplicates += len(events) - new
    tally.merged += len(admitted.merged)
    tally.events.setdefault(source, Counter()).update(names)
    carried = Counter(compress(examined.carries, admitted.fresh))
    for before, after in admitted.merged:
        carried[after & ~before] += 1
    for had, number in carried.items():
        for bit, name in enumerate(examined.identity):
            if had >> bit & 1:
                tally.identity[name] += number


def _head(body: Body, world: World) -> dict[str, Any]:
    """What is recorded beside each event."""
    head = {
        "received_at": round(world.clock(), 3),
        "event_source": body.event_source,
        "event_source_id": body.event_source_id,
    }
    return head | ({"test_event_code": body.test_event_code} if body.test_event_code is not None else {})
