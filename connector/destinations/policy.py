"""How patiently a destination is asked, by its settings."""

from dataclasses import replace

from connector.config.destination import DestinationSettings
from connector.delivery.policy import RetryPolicy


def retry_policy(settings: DestinationSettings) -> RetryPolicy:
    """How patiently a batch is sent again, as the destination says."""
    retry = settings.retry
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        max_seconds=retry.max_minutes * 60,
        first_wait=retry.first_wait,
        longest_wait=retry.longest_wait,
    )


def brief_policy(settings: DestinationSettings, *, attempts: int, seconds: float) -> RetryPolicy:
    """How patiently something is asked that somebody waits for, or that nothing depends on: never longer than a batch
    is sent again, and not until a limit per minute or day is over.
    """
    patient = retry_policy(settings)
    return replace(
        patient,
        max_attempts=min(attempts, patient.max_attempts),
        max_seconds=min(seconds, patient.max_seconds),
        longest_wait=min(1.0, patient.longest_wait),
        max_throttled_seconds=seconds,
        max_window_seconds=0.0,
    )
