import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.delivery.answer import Verdict
from connector.delivery.concurrency import InFlight
from tests.delivery.world import Clock

FAILURES = [Verdict.RETRY, Verdict.UNKNOWN]
VERDICTS = st.none() | st.sampled_from(Verdict)


def answered(in_flight: InFlight, *verdicts: Verdict) -> None:
    """One request after the other."""
    for verdict in verdicts:
        assert in_flight.enter()
        in_flight.leave(verdict)


def test_as_many_places_as_were_set_are_there_at_first_and_no_more() -> None:
    in_flight = InFlight(3, Clock())
    assert [in_flight.enter() for _ in range(5)] == [True, True, True, False, False]
    in_flight.leave()
    assert [in_flight.enter() for _ in range(2)] == [True, False]


def test_throttling_halves_the_places_but_leaves_one() -> None:
    clock = Clock()
    in_flight, seen = InFlight(8, clock), []
    for _ in range(5):
        answered(in_flight, Verdict.THROTTLED)
        seen.append(in_flight.allowed)
        clock.sleep(1)
    assert seen == [4, 2, 1, 1, 1]


def test_answers_that_come_together_halve_once() -> None:
    clock = Clock()
    in_flight = InFlight(8, clock)
    for _ in range(8):
        answered(in_flight, Verdict.THROTTLED, *FAILURES)
        clock.sleep(0.1)
    assert in_flight.allowed == 4


def test_requests_on_their_way_when_the_places_are_halved_are_waited_for() -> None:
    in_flight = InFlight(8, Clock())
    while in_flight.enter():
        pass
    in_flight.leave(Verdict.THROTTLED)
    for _ in range(3):
        assert not in_flight.enter()
        in_flight.leave()
    assert not in_flight.enter()
    in_flight.leave()
    assert in_flight.enter()


@pytest.mark.parametrize("first", FAILURES)
@pytest.mark.parametrize("second", FAILURES)
def test_the_second_failure_in_a_row_halves_the_places(first: Verdict, second: Verdict) -> None:
    in_flight = InFlight(8, Clock())
    answered(in_flight, first)
    assert in_flight.allowed == 8
    answered(in_flight, second)
    assert in_flight.allowed == 4


@pytest.mark.parametrize("between", [None, *sorted(set(Verdict) - {Verdict.ACCEPTED, Verdict.THROTTLED, *FAILURES})])
def test_what_is_not_accepted_between_two_failures_does_not_part_them(between: Verdict | None) -> None:
    """None: a place that was given back without a request."""
    in_flight = InFlight(8, Clock())
    answered(in_flight, Verdict.RETRY)
    for _ in range(3):
        assert in_flight.enter()
        in_flight.leave(between)
    assert in_flight.allowed == 8
    answered(in_flight, Verdict.UNKNOWN)
    assert in_flight.allowed == 4


def test_single_failures_among_accepted_answers_change_nothing() -> None:
    clock = Clock()
    in_flight = InFlight(8, clock)
    for failure in FAILURES * 20:
        answered(in_flight, failure, Verdict.ACCEPTED)
        clock.sleep(2)
        assert in_flight.allowed == 8


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.ACCEPTED, Verdict.THROTTLED, *FAILURES}))
def test_other_answers_say_nothing_about_the_services_strength(verdict: Verdict) -> None:
    clock = Clock()
    in_flight = InFlight(8, clock)
    answered(in_flight, Verdict.THROTTLED)
    for _ in range(20):
        clock.sleep(2)
        answered(in_flight, verdict)
    assert in_flight.allowed == 4


def test_about_one_place_comes_back_with_each_round_of_accepted_answers() -> None:
    """Rounds of 8, 9 … 15 answers lead from 8 places to 16."""
    in_flight, answers = InFlight(16, Clock()), 0
    answered(in_flight, Verdict.THROTTLED)
    while in_flight.allowed < 16:
        answered(in_flight, Verdict.ACCEPTED)
        answers += 1
    assert answers == pytest.approx(sum(range(8, 16)), abs=8)


@settings(deadline=None)
@given(
    most=st.integers(1, 20),
    steps=st.lists(st.just("enter") | st.tuples(st.just("leave"), VERDICTS) | st.floats(0, 3), max_size=200),
)
def test_never_more_enter_than_are_allowed_and_the_number_always_comes_back(
    most: int, steps: list[str | float | tuple[str, Verdict | None]]
) -> None:
    clock, taken = Clock(), 0
    in_flight = InFlight(most, clock)
    for step in steps:
        if step == "enter":
            entered = in_flight.enter()
            assert entered == (taken < in_flight.allowed)
            taken += entered
        elif isinstance(step, tuple) and taken:
            in_flight.leave(step[1])
            taken -= 1
        elif isinstance(step, float):
            clock.sleep(step)
        assert 1 <= in_flight.allowed <= most
    for _ in range(taken):
        in_flight.leave()
    answered(in_flight, *[Verdict.ACCEPTED] * most**2)
    assert in_flight.allowed == most
    assert [in_flight.enter() for _ in range(most + 1)] == [True] * most + [False]


def test_a_place_that_is_given_back_wakes_who_waits_for_it() -> None:
    in_flight, woken = InFlight(1, Clock()), threading.Event()
    in_flight.enter()

    def wait() -> None:
        in_flight.wait(60)
        woken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    in_flight.leave()
    assert woken.wait(10)
    waiting.join()


@settings(deadline=None)
@given(st.integers(1, 4), st.lists(st.sampled_from(Verdict), max_size=40))
def test_threads_that_enter_at_once_never_exceed_the_places(most: int, verdicts: list[Verdict]) -> None:
    in_flight, lock, inside, seen = InFlight(most, Clock()), threading.Lock(), 0, []
    left = iter(verdicts)

    def work() -> None:
        nonlocal inside
        for verdict in left:
            while not in_flight.enter():
                in_flight.wait(10)
            with lock:
                inside += 1
                seen.append(inside)
            with lock:
                inside -= 1
            in_flight.leave(verdict)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen, default=0) <= most
    assert len(seen) == len(verdicts)
