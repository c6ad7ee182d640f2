from dataclasses import replace

import pytest

from connector.delivery.answer import Answer
from connector.delivery.retry_policy import Budget, RetryPolicy
from tests.delivery.world import BUSY, LOST, THROTTLED, Clock


def test_waits_double_from_the_first_to_the_longest() -> None:
    policy = RetryPolicy(first_wait=0.5, longest_wait=10)
    assert [policy.backoff(n, 1.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_jitter_is_full() -> None:
    policy = RetryPolicy()
    assert policy.backoff(3, 0.0) == 0
    assert policy.backoff(3, 0.5) == 1.0


def test_no_number_of_failures_overflows() -> None:
    assert RetryPolicy().backoff(100_000, 1.0) == 10


@pytest.mark.parametrize("answer", [BUSY, LOST])
def test_the_last_attempt_is_followed_by_none(answer: Answer) -> None:
    budget = Budget(RetryPolicy(max_attempts=3), Clock().timing)
    assert [budget.wait_after(answer) is None for _ in range(3)] == [False, False, True]


def test_attempts_end_when_the_time_is_over() -> None:
    clock = Clock()
    budget = Budget(RetryPolicy(max_attempts=100, max_seconds=60), clock.timing)
    clock.sleep(59.9)
    assert budget.wait_after(BUSY) is None


def test_time_held_back_by_the_rate_limit_is_not_counted() -> None:
    clock = Clock()
    budget = Budget(RetryPolicy(max_seconds=60), clock.timing)
    clock.sleep(1000)
    budget.admission_wait += 1000
    assert budget.wait_after(BUSY) is not None


def test_throttling_uses_up_no_attempt() -> None:
    clock = Clock()
    budget = Budget(RetryPolicy(max_attempts=2), clock.timing)
    for _ in range(50):
        wait = budget.wait_after(THROTTLED)
        assert wait is not None
        clock.sleep(wait)
    assert budget.wait_after(BUSY) is not None


def test_throttling_without_end_is_given_up() -> None:
    budget = Budget(RetryPolicy(max_throttled_seconds=30, longest_wait=10), Clock().timing)
    waits = [budget.wait_after(THROTTLED) for _ in range(10)]
    assert waits[-1] is None
    assert sum(wait for wait in waits if wait) <= 30


def test_named_windows_have_a_bound_of_their_own() -> None:
    budget = Budget(RetryPolicy(max_window_seconds=700), Clock().timing)
    minute = replace(THROTTLED, wait=300.0)
    assert budget.wait_after(minute) is not None
    assert budget.wait_after(minute) is not None
    assert budget.wait_after(minute) is None


def test_the_longest_patience_stays_within_the_time_in_which_tiktok_knows_a_repetition() -> None:
    policy = RetryPolicy()
    assert policy.max_seconds + policy.max_throttled_seconds + policy.max_window_seconds < 48 * 3600
