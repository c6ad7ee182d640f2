import threading
from dataclasses import replace

import pytest

from connector.delivery.answer import Answer, Verdict
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import RetryPolicy
from tests.delivery.world import ACCEPTED, BUSY, LOST, REFUSED, THROTTLED, Clock

RETRY_NOW = Answer(Verdict.RETRY_NOW)


class Service:
    """Gives these answers one after the other, the last one for ever."""

    def __init__(self, clock: Clock, *answers: Answer) -> None:
        self.clock, self.answers, self.asked_at = clock, list(answers), list[float]()

    def __call__(self) -> Answer:
        self.asked_at.append(self.clock.now)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def repeating(clock: Clock, policy: RetryPolicy | None = None, stop: threading.Event | None = None) -> RetryLoop:
    return RetryLoop(policy or RetryPolicy(), AdaptiveLimiter(10, clock), clock.timing, stop or threading.Event())


@pytest.mark.parametrize("final", [ACCEPTED, REFUSED])
def test_a_final_answer_is_given_at_once(final: Answer) -> None:
    service = Service(clock := Clock(), final)
    assert (repeating(clock)(service), len(service.asked_at)) == (final, 1)


@pytest.mark.parametrize("passing", [BUSY, LOST, THROTTLED, RETRY_NOW])
def test_what_may_pass_is_asked_again(passing: Answer) -> None:
    service = Service(clock := Clock(), passing, passing, ACCEPTED)
    assert (repeating(clock)(service), len(service.asked_at)) == (ACCEPTED, 3)


def test_what_may_have_been_carried_out_is_not_asked_again_where_that_would_do_harm() -> None:
    service = Service(clock := Clock(), BUSY, LOST, ACCEPTED)
    assert (repeating(clock)(service, unknown=False), len(service.asked_at)) == (LOST, 2)


def test_it_gives_up_after_as_many_attempts_as_the_policy_allows() -> None:
    service = Service(clock := Clock(), BUSY)
    assert repeating(clock, RetryPolicy(max_attempts=3))(service) is BUSY
    assert len(service.asked_at) == 3


def test_being_throttled_uses_up_no_attempt_and_ends_nevertheless() -> None:
    service = Service(clock := Clock(), *[THROTTLED] * 20, ACCEPTED)
    assert repeating(clock, RetryPolicy(max_attempts=1))(service) is ACCEPTED
    endless = Service(clock, THROTTLED)
    assert repeating(clock, RetryPolicy(max_throttled_seconds=60))(endless) is THROTTLED
    assert endless.asked_at[-1] - endless.asked_at[0] < 120


def test_a_service_that_names_a_pause_gets_it() -> None:
    service = Service(clock := Clock(), replace(THROTTLED, wait=300.0), ACCEPTED)
    repeating(clock)(service)
    assert service.asked_at[1] - service.asked_at[0] >= 300


def test_calls_keep_to_the_rate_that_they_share() -> None:
    service = Service(clock := Clock(), ACCEPTED)
    repeat = repeating(clock)
    for _ in range(31):
        repeat(service)
    assert service.asked_at[-1] == pytest.approx(3.0)


def test_nothing_is_asked_once_it_is_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    service = Service(clock := Clock(), ACCEPTED)
    assert repeating(clock, stop=stop)(service).verdict is Verdict.RETRY
    assert service.asked_at == []
