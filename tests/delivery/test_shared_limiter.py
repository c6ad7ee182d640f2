"""Several processes that share a limit, by a queue with a clock of its own."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from connector.delivery.shared_limiter import LATENESS, SharedLimiter
from tests.delivery.world import Clock

SERVER_IS_AHEAD = 1_000.0


class Queue:
    """A queue of places as the ledger keeps it. An answer takes `round_trip`, of which a share has passed before it."""

    def __init__(self, clock: Clock, round_trip: float = 0.0, share: float = 0.5) -> None:
        self.clock, self.round_trip, self.share = clock, round_trip, share
        self.next, self.asked = 0.0, 0

    def take(self, rate: float, seconds: float) -> tuple[int, float]:
        self.asked += 1
        self.clock.sleep(self.round_trip * self.share)
        now, places = self.clock.now + SERVER_IS_AHEAD, max(1, round(rate * seconds))
        start = max(self.next, now)
        self.next = start + places / rate
        self.clock.sleep(self.round_trip * (1 - self.share))
        return places, start - now

    def push_back(self, seconds: float) -> None:
        self.next = max(self.next, self.clock.now + SERVER_IS_AHEAD + seconds)


def limiter_of(queue: Queue, rate: float, most_at_once: int = 1_000) -> SharedLimiter:
    return SharedLimiter(rate, queue.take, queue.push_back, most_at_once=most_at_once, clock=queue.clock)


def departures(limiters: list[SharedLimiter], clock: Clock, seconds: float) -> list[float]:
    """The moments at which requests leave if each process always wants to."""
    end, left = clock.now + seconds, []
    while clock.now < end:
        waits = []
        for limiter in limiters:
            wait = limiter.take()
            waits.append(wait)
            if not wait:
                left.append(clock.now)
        if min(waits) > 0:
            clock.sleep(min(waits))
    return left


def most_in_a_second(left: list[float]) -> int:
    return max(sum(start <= moment < start + 1 - 1e-9 for moment in left) for start in left)


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("rate", [0.5, 1, 7, 100])
@pytest.mark.parametrize("round_trip", [0.0, 0.004, 0.05])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_second_holds_more_requests_than_were_set(
    processes: int, rate: float, round_trip: float, share: float
) -> None:
    clock = Clock()
    queue = Queue(clock, round_trip, share)
    left = departures([limiter_of(queue, rate, 12) for _ in range(processes)], clock, 8)
    assert most_in_a_second(left) <= max(1, rate)


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("rate", [5, 100, 400])
def test_the_set_rate_is_reached(processes: int, rate: float) -> None:
    clock = Clock()
    queue = Queue(clock, 0.002)
    left = departures([limiter_of(queue, rate, 12) for _ in range(processes)], clock, 10)
    assert len(left) >= 0.95 * rate * 10
    assert queue.asked < len(left) / 2 or rate < 100


def test_places_are_taken_one_by_one_where_few_are_used() -> None:
    """So that a slow process leaves the others their rate."""
    clock = Clock()
    queue = Queue(clock)
    busy, slow = limiter_of(queue, 100), limiter_of(queue, 100)
    left = 0
    for _ in range(1_000):
        wait = busy.take()
        left += not wait
        if clock.now % 0.2 < 0.01:
            slow.take()
        clock.sleep(max(wait, 0.001))
    assert left >= 0.8 * 100 * clock.now


def test_after_a_quiet_time_there_is_no_burst() -> None:
    clock = Clock()
    limiter = limiter_of(Queue(clock), 10)
    clock.sleep(1000)
    assert len(departures([limiter], clock, 1)) == pytest.approx(10, abs=1)


def test_a_place_that_is_not_used_soon_is_lost() -> None:
    clock = Clock()
    queue = Queue(clock)
    limiter = limiter_of(queue, 1_000)
    departures([limiter], clock, 0.1)
    clock.sleep(5)
    left = departures([limiter], clock, 0.1)
    assert all(later - earlier > 0.0009 for earlier, later in pairwise(left))


def test_throttling_halves_the_rate_of_this_process_and_pauses_all() -> None:
    clock = Clock()
    queue = Queue(clock)
    one, other = limiter_of(queue, 100), limiter_of(queue, 100)
    departures([one, other], clock, 1)
    one.throttled(3.0)
    one.throttled(None)
    assert (one.rate, other.rate) == (50, 100)
    paused_at = clock.now
    left = departures([one, other], clock, 3.2)
    # What the other one holds already is sent.
    assert [moment for moment in left if paused_at + 0.2 < moment < paused_at + 3.0] == []
    clock.sleep(10)
    assert one.rate == 100


def test_places_that_were_being_taken_when_the_service_throttled_are_not_used() -> None:
    clock = Clock()
    queue = Queue(clock)
    answers: Iterator[tuple[int, float]] = iter([(5, 0.0), (1, 7.0)])

    def take(_: float, __: float) -> tuple[int, float]:
        answer = next(answers)
        if answer[0] == 5:
            limiter.throttled(7.0)
        return answer

    limiter = SharedLimiter(10, take, queue.push_back, clock=clock)
    assert limiter.take() == pytest.approx(7.0)


def test_what_the_ledger_raises_is_passed_on_and_places_are_asked_for_again() -> None:
    clock = Clock()
    queue = Queue(clock)
    failures = [OSError("away")]

    def take(rate: float, seconds: float) -> tuple[int, float]:
        if failures:
            raise failures.pop()
        return queue.take(rate, seconds)

    limiter = SharedLimiter(10, take, queue.push_back, clock=clock)
    with pytest.raises(OSError, match="away"):
        limiter.take()
    assert limiter.take() == 0.0


def test_a_slow_ledger_makes_the_time_longer_for_which_a_place_is_kept() -> None:
    clock = Clock()
    queue = Queue(clock, round_trip=3 * LATENESS)
    assert len(departures([limiter_of(queue, 100, 12)], clock, 10)) > 0.8 * 100 * 10
