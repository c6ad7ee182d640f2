"""Limit the rate of requests. A limiter returns how long to wait and never sleeps itself."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol

RECOVERY_SECONDS = 10.0
"""The time in which the rate would climb from zero to the configured rate."""
HALVING_SECONDS = 1.0
"""Throttled answers within this time of each other lower the rate once: services count requests by the second."""
LOWEST_RATE = 1.0
"""Requests a second that throttling leaves, unless the configured rate is lower."""


class Limiter(Protocol):
    """Asked before every attempt, repeated ones included. Safe to use from several threads."""

    def take(self) -> float:
        """Admit a request and return 0.0, or return the seconds after which to ask again."""

    def throttled(self, pause: float | None) -> None:
        """Lower the rate, and admit nothing for `pause` seconds, which the service asked for (None: it did not say)."""


class AdaptiveRate:
    """A rate that throttling halves, down to LOWEST_RATE or the configured rate if that is lower.

    It then climbs back linearly over RECOVERY_SECONDS and never exceeds the configured rate.
    """

    def __init__(self, requests_per_second: float) -> None:
        if requests_per_second <= 0:
            raise ValueError(f"requests_per_second must be above 0, not {requests_per_second}")
        self._set_rate = float(requests_per_second)
        self._reduced_to = self._set_rate
        self._reduced_at = float("-inf")

    def at(self, now: float) -> float:
        """Return the rate in requests a second."""
        climbed = (now - self._reduced_at) / RECOVERY_SECONDS * self._set_rate
        return min(self._set_rate, self._reduced_to + climbed)

    def throttle(self, now: float) -> None:
        """Halve the rate, unless that was just done."""
        if now - self._reduced_at >= HALVING_SECONDS:
            self._reduced_to = max(self.at(now) / 2, min(LOWEST_RATE, self._set_rate))
            self._reduced_at = now


class AdaptiveLimiter:
    """A token bucket of one token, so that no second has more requests than configured; see `AdaptiveRate`."""

    def __init__(self, requests_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = AdaptiveRate(requests_per_second)
        self._clock = clock
        self._lock = Lock()
        self._next = float("-inf")

    def take(self) -> float:
        """See `Limiter.take`."""
        with self._lock:
            now = self._clock()
            if now < self._next:
                return self._next - now
            self._next = now + 1.0 / self._rate.at(now)
            return 0.0

    def throttled(self, pause: float | None) -> None:
        """See `Limiter.throttled`."""
        with self._lock:
            now = self._clock()
            self._rate.throttle(now)
            self._next = max(self._next, now + (pause or 0.0))

    @property
    def rate(self) -> float:
        """The present rate in requests a second."""
        with self._lock:
            return self._rate.at(self._clock())
