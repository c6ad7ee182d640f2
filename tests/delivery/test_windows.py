"""How long a batch waits for windows that the service names."""

from dataclasses import replace

from connector.delivery.retry_policy import Budget, RetryPolicy
from tests.delivery.world import THROTTLED, Clock


def test_windows_may_come_to_exactly_their_maximum() -> None:
    budget = Budget(RetryPolicy(max_window_seconds=120, max_throttled_seconds=1e6), Clock().timing)
    minute = replace(THROTTLED, wait=60)
    assert [budget.wait_after(minute) is None for _ in range(3)] == [False, False, True]
