"""Counting and recording the events of an accepted request."""

from collections import Counter
from itertools import compress, repeat
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from connector.catalogue.vocabulary import LEGACY_EVENTS
from connector.simulator.dedup_window import MERGE_SECONDS, Admission
from connector.simulator.payload_checks import PayloadReport
from connector.simulator.pii_scan import redact_text
from connector.simulator.request_body import TrackBody
from connector.simulator.tally import Tally
from connector.simulator.world import World

_EVENT_NAME, _EVENT_ID = attrgetter("event"), attrgetter("event_id")
_CURRENT_NAMES = {old: new for old, new in LEGACY_EVENTS.items() if new}


def ingest_events(body: TrackBody, report: PayloadReport, world: World) -> None:
    """Count the events and record them if a recording is on. Test events are counted apart and not stored."""
    is_test = body.test_event_code is not None
    keys = [] if is_test else _keys(body, world)
    with world.lock:
        tally = world.tally
        tally.received += len(body.events)
        tally.largest_request = max(tally.largest_request, len(body.events))
        tally.notes.update(report.notes)
        if is_test:
            tally.test_events += len(body.events)
            fresh = [True] * len(body.events)
        else:
            fresh = _count_events(tally, body, report, world.dedup_window.admit(keys, report.carries, world.clock()))
        if world.recording:
            hashed_fields = report.hashed if report.violations else None
            world.recording.write(_recorded_fields(body, world), body.data(), fresh, hashed_fields)


def _keys(body: TrackBody, world: World) -> list[int | None]:
    """Digest source, name and id of each event; None for one that is never recognised."""
    source, events = body.event_source_id, body.events
    names, ids = list(map(_EVENT_NAME, events)), list(map(_EVENT_ID, events))
    if world.strictness.legacy_names == "converted":
        names = [_CURRENT_NAMES.get(name, name) for name in names]
    key = world.dedup_window.key
    keys: list[int | None] = list(map(key, repeat(source), names, ids))
    if UNSET not in ids:
        return keys
    by_cookie = body.event_source == "web" and world.strictness.cookie_dedup == "on"
    for position, event_id in enumerate(ids):
        if event_id is UNSET:
            keys[position] = _cookie_key(source, events[position], world) if by_cookie else None
    return keys


def _cookie_key(source: str, event: Any, world: World) -> int | None:
    """Return a key for an event without an id: its cookie, for five minutes (here: within the same five minutes)."""
    ttp = event.user.ttp
    interval = world.clock() // MERGE_SECONDS
    return world.dedup_window.key(source, event.event, ttp, interval, "ttp") if isinstance(ttp, str) else None


def _count_events(tally: Tally, body: TrackBody, report: PayloadReport, admission: Admission) -> list[bool]:
    """Count by name and by identifiers; return which events are new."""
    names = Counter(map(_EVENT_NAME, compress(body.events, admission.fresh)))
    tally.distinct += names.total()
    tally.duplicates += len(body.events) - names.total()
    tally.merged += len(admission.merged)
    source = tally.events.setdefault(redact_text(f"{body.event_source} {body.event_source_id}"), Counter())
    for name, number in names.items():
        source[redact_text(name)] += number
    _count_identity(tally, report, admission)
    return admission.fresh


def _count_identity(tally: Tally, report: PayloadReport, admission: Admission) -> None:
    events_by_bits = Counter(compress(report.carries, admission.fresh))
    for before, after in admission.merged:
        events_by_bits[after & ~before] += 1
    for bits, number in events_by_bits.items():
        for bit, name in enumerate(report.identity):
            if bits >> bit & 1:
                tally.identity[name] += number


def _recorded_fields(body: TrackBody, world: World) -> dict[str, Any]:
    """Return the fields that are recorded beside each event."""
    fields: dict[str, Any] = {
        "received_at": round(world.clock(), 3),
        "event_source": body.event_source,
        "event_source_id": redact_text(body.event_source_id),
    }
    return fields | (
        {"test_event_code": redact_text(str(body.test_event_code))} if body.test_event_code is not None else {}
    )
