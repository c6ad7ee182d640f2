from collections import Counter
from typing import Any

from connector.simulator.summary import summary
from connector.simulator.tally import State, Tally
from tests.simulator.client import body, event

HOUR = 3600.0


class Now:
    """Unix seconds, set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds


def take(state: State, *events: Any, **root: Any) -> Tally:
    state.take(body(*events, **root), Counter())
    return state.snapshot()


def test_the_same_event_within_48_hours_counts_once() -> None:
    now = Now()
    state = State(now)
    take(state, event())
    now.seconds += 48 * HOUR - 1
    tally = take(state, event())
    assert (tally.received, tally.distinct, tally.duplicates) == (2, 1, 1)


def test_after_48_hours_from_the_first_it_counts_again() -> None:
    now = Now()
    state = State(now)
    take(state, event())
    now.seconds += 30 * HOUR
    take(state, event())
    now.seconds += 18 * HOUR
    tally = take(state, event())
    assert (tally.distinct, tally.duplicates) == (2, 1)


def test_an_event_is_known_by_source_name_and_id_together() -> None:
    tally = State()
    take(tally, event(), event(event="Lead"), event(event_id="e2"))
    counts = take(tally, event(), event_source_id="111")
    assert (counts.distinct, counts.duplicates) == (4, 0)
    assert counts.events == {
        "offline 7654321098765432109": {"Purchase": 2, "Lead": 1},
        "offline 111": {"Purchase": 1},
    }


def test_a_duplicate_in_one_request_is_seen() -> None:
    assert take(State(), event(), event()).duplicates == 1


def test_events_without_an_id_are_never_recognised() -> None:
    assert take(State(), event(event_id=None), event(event_id=None)).distinct == 2


def test_test_events_are_not_counted_as_events() -> None:
    state = State()
    tally = take(state, event(), test_event_code="TEST12345")
    assert (tally.received, tally.test_events, tally.distinct) == (1, 1, 0)
    assert take(state, event()).distinct == 1


def test_a_snapshot_does_not_change_any_more() -> None:
    state = State()
    before = take(state, event())
    take(state, event(event_id="e2"))
    assert before.events == {"offline 7654321098765432109": {"Purchase": 1}}


def test_the_summary_tells_what_came_and_what_was_wrong() -> None:
    tally = Tally(
        requests=3,
        refused=1,
        refusals=Counter({"40002": 1}),
        received=2341,
        distinct=2329,
        duplicates=12,
        violations=Counter({"email is not hashed": 2}),
        events={"offline 765": Counter({"Purchase": 2329})},
    )
    assert list(summary(tally)) == [
        "The simulator got 3 requests and refused 1; it counted 2,329 events and discarded 12 duplicates.",
        "  offline 765  Purchase  2,329",
        "  refused with 40002: 1 request",
        "  VIOLATION: email is not hashed: 2 values",
    ]
