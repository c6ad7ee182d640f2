import random

import pytest

from connector.delivery.limiter import AdaptiveLimiter, Limiter
from tests.delivery.world import Clock


def departures(limiter: Limiter, clock: Clock, seconds: float) -> list[float]:
    """When requests leave if they always want to."""
    end, left = clock.now + seconds, []
    while clock.now < end:
        wait = limiter.take()
        if wait:
            clock.sleep(wait)
        else:
            left.append(clock.now)
    return left


@pytest.mark.parametrize("rate", [0.5, 1, 7, 100])
def test_no_second_holds_more_requests_than_were_set(rate: float) -> None:
    clock = Clock()
    left = departures(AdaptiveLimiter(rate, clock), clock, 20)
    for start in left:
        assert sum(start <= moment < start + 1 - 1e-9 for moment in left) <= max(1, rate)


def test_the_set_rate_is_reached() -> None:
    clock = Clock()
    assert len(departures(AdaptiveLimiter(100, clock), clock, 10)) == pytest.approx(1000, abs=2)


def test_after_a_quiet_time_there_is_no_burst() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(10, clock)
    clock.sleep(1000)
    assert len(departures(limiter, clock, 1)) == pytest.approx(10, abs=1)


def test_asking_never_sleeps_and_takes_a_place_only_when_it_is_free() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(10, clock)
    assert limiter.take() == 0
    assert limiter.take() == limiter.take() == pytest.approx(0.1)
    assert clock.now == 0


def test_throttling_halves_the_rate_and_it_climbs_back() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(100, clock)
    limiter.throttled(None)
    assert limiter.rate == 50
    clock.sleep(2)
    assert limiter.rate == pytest.approx(70)
    clock.sleep(60)
    assert limiter.rate == 100


def test_answers_to_requests_in_flight_at_once_halve_once() -> None:
    limiter = AdaptiveLimiter(100, Clock())
    for _ in range(8):
        limiter.throttled(None)
    assert limiter.rate == 50


def test_the_rate_never_falls_to_nothing_and_never_exceeds_what_was_set() -> None:
    clock, chance = Clock(), random.Random(1)
    limiter = AdaptiveLimiter(50, clock)
    for _ in range(500):
        clock.sleep(chance.uniform(0, 3))
        limiter.throttled(None)
        assert 1 <= limiter.rate <= 50


def test_a_pause_the_service_asked_for_holds_for_everyone() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(100, clock)
    limiter.throttled(300)
    assert limiter.take() == pytest.approx(300)
    limiter.throttled(5)
    assert limiter.take() == pytest.approx(300)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        AdaptiveLimiter(0)
