"""How fast requests may leave: a limiter answers how long to wait and never sleeps itself."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol

RECOVERY_SECONDS = 10.0
"""How long the rate takes to climb from nothing back to what was set."""
HALVING_SECONDS = 1.0
"""Throttled answers closer together than this are one sign, not several: limits count by the second."""
LOWEST_RATE = 1.0


class Limiter(Protocol):
    """Asked before every attempt, the first and the repeated ones. Used from several threads."""

    def take(self) -> float:
        """0.0: the request may leave now, its place is taken. Else ask again after that many seconds."""

    def throttled(self, pause: float | None) -> None:
        """The service said too many requests; `pause` is how many seconds it wants to be left alone."""


class AdaptiveLimiter:
    """A token bucket of one token, so that no second holds more requests than were set.

    Throttling halves the rate (not below one a second, or the set rate if that is lower); it then
    climbs back evenly over ten seconds and never exceeds the set rate.
    """

    def __init__(self, requests_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        if requests_per_second <= 0:
            raise ValueError(f"requests_per_second must be above 0, not {requests_per_second}")
        self._set_rate = float(requests_per_second)
        self._clock = clock
        self._lock = Lock()
        self._reduced_to = self._set_rate
        self._reduced_at = float("-inf")
        self._next = float("-inf")

    def take(self) -> float:
        """See `Limiter.take`."""
        with self._lock:
            now = self._clock()
            if now < self._next:
                return self._next - now
            self._next = now + 1.0 / self._rate(now)
            return 0.0

    def throttled(self, pause: float | None) -> None:
        """See `Limiter.throttled`."""
        with self._lock:
            now = self._clock()
            if now - self._reduced_at >= HALVING_SECONDS:
                self._reduced_to = max(self._rate(now) / 2, min(LOWEST_RATE, self._set_rate))
                self._reduced_at = now
            self._next = max(self._next, now + (pause or 0.0))

    @property
    def rate(self) -> float:
        """Requests a second that may leave at present."""
        with self._lock:
            return self._rate(self._clock())

    def _rate(self, now: float) -> float:
        climbed = (now - self._reduced_at) / RECOVERY_SECONDS * self._set_rate
        return min(self._set_rate, self._reduced_to + climbed)
