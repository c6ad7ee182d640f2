"""Counting the events of an accepted request: which are new, which are known."""

from collections import Counter
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from connector.simulator.examination import Examined
from connector.simulator.known import MERGE_SECONDS, Admitted
from connector.simulator.tally import Tally
from connector.simulator.world import World
from connector.vocabulary import LEGACY_EVENTS

if TYPE_CHECKING:
    from connector.simulator.events import Root

_NAME = attrgetter("event")
_CONVERTED = {old: new for old, new in LEGACY_EVENTS.items() if new}


def take(root: "Root", data: bytes, events: list[Any], examined: Examined, world: World) -> None:
    """Count the events, and record them where that is wished. Test events are counted apart and forgotten."""
    test = root.test_event_code is not None
    keys = [] if test else _keys(root, events, world)
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
            _count(tally, f"{root.event_source} {root.event_source_id}", events, examined, admitted)
        if world.recording:
            world.recording.write(_head(root, world), data, fresh, examined.hashed if examined.violations else None)


def _keys(root: "Root", events: list[Any], world: World) -> list[int | None]:
    """A digest of source, name and id for each event; None for one that is never recognised."""
    source, converted = root.event_source_id, world.strictness.legacy_names == "converted"
    keys: list[int | None] = [
        None if event.event_id is UNSET
        else hash((source, _CONVERTED.get(event.event, event.event) if converted else event.event, event.event_id))
        for event in events
    ]  # fmt: skip
    if root.event_source == "web" and world.strictness.cookie_dedup == "on" and None in keys:
        return [
            _cookie_key(source, event, world.clock()) if key is None else key
            for key, event in zip(keys, events, strict=True)
        ]
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


def _head(root: "Root", world: World) -> dict[str, Any]:
    """What is recorded beside each event."""
    head = {
        "received_at": round(world.clock(), 3),
        "event_source": root.event_source,
        "event_source_id": root.event_source_id,
    }
    return head | ({"test_event_code": root.test_event_code} if root.test_event_code is not None else {})
