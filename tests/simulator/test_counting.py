"""What is counted: duplicates within 48 hours, what merging adds, identity, violations."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.simulator.dedup_window import DedupWindow
from connector.simulator.server import Simulator
from connector.simulator.tally import Tally, detailed_summary, summary
from tests.simulator.client import HASH, OTHER_HASH, Caller, Clock, body, event, web_body, web_event

HOUR = 3600.0
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_same_event_within_48_hours_counts_once(simulator: Simulator, caller: Caller, clock: Clock) -> None:
    caller.send(body(event()))
    clock.seconds += 48 * HOUR - 1
    assert caller.send(body(event())) == (200, 0, "OK")
    tally = simulator.tally
    assert (tally.received, tally.distinct, tally.duplicates) == (2, 1, 1)


def test_after_48_hours_from_the_first_it_counts_again(simulator: Simulator, caller: Caller, clock: Clock) -> None:
    for hours in (0, 30, 18):
        clock.seconds += hours * HOUR
        caller.send(body(event()))
    assert (simulator.tally.distinct, simulator.tally.duplicates) == (2, 1)


def test_an_event_is_known_by_source_name_and_id_together(simulator: Simulator, caller: Caller) -> None:
    caller.send(body(event(), event(event="Lead"), event(event_id="e2")))
    caller.send(body(event(), event_source_id="111"))
    assert (simulator.tally.distinct, simulator.tally.duplicates) == (4, 0)
    assert simulator.tally.events == {
        "offline 7654321098765432109": {"Purchase": 2, "Lead": 1},
        "offline 111": {"Purchase": 1},
    }


def test_a_duplicate_in_one_request_is_seen(simulator: Simulator, caller: Caller) -> None:
    caller.send(body(event(), event()))
    assert simulator.tally.duplicates == 1


def test_events_without_an_id_are_never_recognised(simulator: Simulator, caller: Caller) -> None:
    caller.send(body(event(event_id=None), event(event_id=None)))
    assert simulator.tally.distinct == 2


@pytest.mark.parametrize(("seconds", "merged"), [(0, 1), (299, 1), (300, 0), (3600, 0)])
def test_within_five_minutes_a_duplicate_adds_what_the_first_event_lacked(
    simulator: Simulator, caller: Caller, clock: Clock, seconds: float, merged: int
) -> None:
    caller.send(body(event()))
    clock.seconds += seconds
    caller.send(body(event(user={"phone": OTHER_HASH})))
    caller.send(body(event(user={"phone": OTHER_HASH})))
    tally = simulator.tally
    assert (tally.distinct, tally.duplicates, tally.merged) == (1, 2, merged)
    assert tally.identity == {"email": 1} | ({"phone": 1} if merged else {})


def test_test_events_are_not_counted_as_events(simulator: Simulator, caller: Caller) -> None:
    caller.send(body(event(), test_event_code="TEST12345"))
    tally = simulator.tally
    assert (tally.received, tally.test_events, tally.distinct) == (1, 1, 0)
    caller.send(body(event()))
    assert simulator.tally.distinct == 1


def test_identity_is_counted_by_event(simulator: Simulator, caller: Caller) -> None:
    users: list[dict[str, Any]] = [
        {"email": HASH, "ttclid": "E.C.P.1"},
        {"email": [HASH, OTHER_HASH], "phone": [OTHER_HASH], "ip": "203.0.113.7"},
        {"external_id": HASH, "first_name": HASH},
        {"locale": "en"},
    ]
    caller.send(web_body(*(web_event(event_id=str(number), user=user) for number, user in enumerate(users))))
    assert simulator.tally.identity == {
        "email": 2, "phone": 1, "external_id": 1, "first_name": 1, "ttclid": 1, "ip": 1,
    }  # fmt: skip


@pytest.mark.parametrize("field", ["email", "phone", "external_id", "first_name", "last_name", "zip_code"])
@pytest.mark.parametrize("value", ["jane@example.com", HASH.upper(), HASH[:63], HASH + "0", "g" * 64, "", HASH[:32]])
def test_a_value_that_is_no_digest_is_a_violation_and_the_request_is_refused(
    simulator: Simulator, caller: Caller, field: str, value: str
) -> None:
    several = field in {"email", "phone", "external_id"}
    for given in (value, [HASH, value]) if several else (value,):
        request = web_body(web_event(), web_event(event_id="e2", user={field: given}))
        assert caller.send(request) == (400, 40062, "PII is not hashed.")
    assert simulator.tally.violations == {f"{field} is not hashed": 1 + several}
    assert simulator.tally.received == 0


def test_the_digest_of_nothing_is_a_violation(simulator: Simulator, caller: Caller) -> None:
    assert caller.send(body(event(user={"email": [HASH, NOTHING]})))[1] == 40062
    assert simulator.tally.violations == {"email is the hash of nothing": 1}


def test_what_is_not_to_be_hashed_is_no_violation(simulator: Simulator, caller: Caller) -> None:
    users: tuple[dict[str, Any], ...] = (
        {"ip": "1.2.3.4", "city": "newyork", "email": [HASH, HASH], "user_agent": "Mozilla/5.0 (X+Y) 100%"},
        {},
    )
    caller.send(web_body(*(web_event(event_id=str(number), user=user) for number, user in enumerate(users))))
    assert not simulator.tally.violations
    assert simulator.tally.received == 2


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"page": {"url": "https://shop.example/?mail=jane%40example.com"}}, "an e-mail address in page.url"),
        ({"page": {"url": "https://shop.example/?tel=%2B12133734253"}}, "a telephone number in page.url"),
        ({"properties": {"description": "for jane@example.com"}}, "an e-mail address in properties.description"),
        ({"event_id": "jane@example.com"}, "an e-mail address in event_id"),
        ({"properties": {"order_id": "+12133734253"}}, "a telephone number in properties.order_id"),
        ({"properties": {"contents": [{"brand": "jane@example.com"}]}}, "an e-mail address in properties.contents.brand"),
        ({"user": {"mail": "jane@example.com"}}, "an e-mail address in user.mail"),
        ({"properties": {"jane@example.com": "jane@example.com"}}, "an e-mail address in properties.?"),
    ],
)  # fmt: skip
def test_a_plain_identifier_in_another_text_is_a_violation_too(
    simulator: Simulator, caller: Caller, changes: dict[str, Any], violation: str
) -> None:
    assert caller.send(web_body(web_event(**changes))) == (200, 0, "OK")
    assert simulator.tally.violations == {violation: 1}


@pytest.mark.parametrize(
    "text", ["https://shop.example/@jane/1+1", "100% + 5", "a+12133734253", "2026-11-20T12:00:00+0000", "50%4 @ home"]
)
def test_not_every_sign_is_an_address(simulator: Simulator, caller: Caller, text: str) -> None:
    caller.send(web_body(web_event(properties={"description": text})))
    assert not simulator.tally.violations


def test_no_violation_holds_the_value(start: Callable[..., tuple[Simulator, Caller]]) -> None:
    simulator, caller = start("unhashed=record")
    caller.send(body(event(user={"email": "jane@example.com"}, properties={"brand": "jane@example.com"})))
    assert simulator.tally.violations
    kept = (
        *simulator.lines(),
        *detailed_summary(simulator.tally),
        str(caller.control("GET", "tally")),
        repr(vars(simulator.world)),
    )
    assert not [text for text in kept if "jane" in text]


def test_a_snapshot_does_not_change_any_more(simulator: Simulator, caller: Caller) -> None:
    caller.send(body(event()))
    before = simulator.tally
    caller.send(body(event(event_id="e2")))
    assert before.events == {"offline 7654321098765432109": {"Purchase": 1}}


def test_the_summary_tells_what_came_and_what_was_wrong() -> None:
    tally = Tally(requests=3, refused=1, received=2341, distinct=2329, duplicates=12, merged=1)
    tally.refusals["40002"] = 1
    tally.faults["slow"] = 2
    tally.notes["events in the future"] = 3
    tally.violations["email is not hashed"] = 2
    tally.events["offline 765"] = type(tally.refusals)(Purchase=2329)
    told = [
        "The simulator got 3 requests and refused 1; it counted 2,329 events and discarded 12 duplicates.",
        "  offline 765  Purchase  2,329",
        "  refused with 40002: 1 request",
        "  fault slow: 2 requests",
        "  note: events in the future: 3",
        "  VIOLATION: email is not hashed: 2 values",
    ]
    assert list(summary(tally)) == told
    tally.identity.update(email=2329, phone=1164)
    tally.endpoints["/x/"] = 3
    assert list(detailed_summary(tally)) == [
        told[0],
        "  /x/  3 requests",
        "  identity: email 100%, phone 50%",
        "  1 duplicate within five minutes added to the first event",
        *told[1:],
    ]


def admit(known: DedupWindow, keys: range, now: float) -> int:
    """How many of these were new."""
    return sum(known.admit(list(keys), [1] * len(keys), now).fresh)


def test_events_are_known_when_they_have_been_packed() -> None:
    known = DedupWindow(recent=100)
    assert sum(admit(known, range(start, start + 40), 1_000_000.0 + start) for start in range(0, 4000, 40)) == 4000
    assert admit(known, range(4000), 1_010_000.0) == 0
    assert admit(known, range(3990, 4010), 1_010_000.0) == 10


def test_a_packed_event_still_merges_and_ends_after_48_hours_from_the_first() -> None:
    known = DedupWindow(recent=10)
    admit(known, range(50), 1_000_000.0)
    assert known.admit([5, 7], [2, 1], 1_000_100.0).merged == [(1, 3)]
    admit(known, range(100, 200), 1_000_100.0)
    assert known.admit([5], [4], 1_000_200.0).merged == [(3, 7)]
    assert admit(known, range(50), 1_000_000.0 + 48 * HOUR - 1) == 0
    assert admit(known, range(50), 1_000_000.0 + 48 * HOUR) == 50


def test_what_is_older_than_48_hours_is_forgotten() -> None:
    known = DedupWindow(recent=1000)
    for day in range(20):
        for start in range(0, 10_000, 1000):
            first = day * 10_000 + start
            admit(known, range(first, first + 1000), day * 24 * HOUR)
    assert len(known) <= 45_000


def test_a_name_or_source_that_is_an_address_is_not_shown(start: Callable[..., tuple[Simulator, Caller]]) -> None:
    simulator, caller = start("unhashed=record")
    caller.send(web_body(web_event(event="jane@example.com"), event_source_id="jane@example.com"))
    assert simulator.tally.distinct == 1
    assert not [line for line in (*simulator.lines(), str(simulator.tally)) if "jane" in line]
