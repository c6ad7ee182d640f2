"""Delivery says that it waits before it repeats a request, for how long and why."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from connector.delivery.answer import Answer, Verdict
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import RetryPolicy
from connector.delivery.sender import deliver
from tests.delivery.world import ACCEPTED, BUSY, LOST, REFUSED, THROTTLED, Clock, MemoryLedger, batch, script

Waits = Callable[..., list[tuple[float, Answer]]]
WINDOW = replace(THROTTLED, wait=60.0)
RETRY_NOW = Answer(Verdict.RETRY_NOW)
WAITS = [(BUSY, 0.4995), (LOST, 0.4995), (THROTTLED, 0.4995), (WINDOW, 60.4995)]


def waits_of_batch(*answers: Answer) -> list[tuple[float, Answer]]:
    """What is reported while a batch gets these answers."""
    clock, waits = Clock(), list[tuple[float, Answer]]()
    deliver(
        [batch()],
        script(*answers),
        policy=RetryPolicy(),
        limiter=AdaptiveLimiter(1000, clock),
        max_in_flight=1,
        record=MemoryLedger(),
        stop=threading.Event(),
        timing=clock.timing,
        on_wait=lambda seconds, answer: waits.append((round(seconds, 4), answer)),
    )
    return waits


def waits_of_call(*answers: Answer) -> list[tuple[float, Answer]]:
    """What is reported while a call that carries no batch gets these answers."""
    clock, waits, service = Clock(), list[tuple[float, Answer]](), iter(answers)
    repeat = RetryLoop(
        RetryPolicy(),
        AdaptiveLimiter(10, clock),
        clock.timing,
        on_wait=lambda seconds, answer: waits.append((round(seconds, 4), answer)),
    )
    repeat(lambda: next(service))
    return waits


@pytest.mark.parametrize("waits", [waits_of_batch, waits_of_call])
@pytest.mark.parametrize(("answer", "seconds"), WAITS)
def test_each_wait_is_reported_with_its_seconds_and_its_reason(waits: Waits, answer: Answer, seconds: float) -> None:
    """The window that a service names counts."""
    assert waits(answer, ACCEPTED) == [(seconds, answer)]


@pytest.mark.parametrize("waits", [waits_of_batch, waits_of_call])
@pytest.mark.parametrize("answers", [(ACCEPTED,), (REFUSED,), (RETRY_NOW, ACCEPTED)])
def test_nothing_is_reported_without_a_wait(waits: Waits, answers: tuple[Answer, ...]) -> None:
    """Also when a request is repeated at once."""
    assert waits(*answers) == []
