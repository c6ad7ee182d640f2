"""Derive retry policies from the settings of a destination."""

from dataclasses import replace

from connector.config.destination import DestinationSettings
from connector.delivery.retry_policy import RetryPolicy


def retry_policy(settings: DestinationSettings) -> RetryPolicy:
    """Return the policy for batches, as the settings say."""
    retry = settings.retry
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        max_seconds=retry.max_minutes * 60,
        first_wait=retry.first_wait,
        longest_wait=retry.longest_wait,
    )


def brief_policy(settings: DestinationSettings, *, attempts: int, seconds: float) -> RetryPolicy:
    """Return a policy for requests that a user waits for, or on which nothing depends.

    It never retries longer than that for batches, and never waits for a limit per minute or day to end.
    """
    batch_policy = retry_policy(settings)
    return replace(
        batch_policy,
        max_attempts=min(attempts, batch_policy.max_attempts),
        max_seconds=min(seconds, batch_policy.max_seconds),
        longest_wait=min(1.0, batch_policy.longest_wait),
        max_throttled_seconds=seconds,
        max_window_seconds=0.0,
    )
