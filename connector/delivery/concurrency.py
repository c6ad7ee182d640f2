"""Limit the number of concurrent requests; lower the limit while the service throttles or fails."""

import time
from collections.abc import Callable
from threading import Condition

from connector.delivery.answer import Verdict
from connector.delivery.limiter import HALVING_SECONDS

FAILURES = frozenset({Verdict.RETRY, Verdict.UNKNOWN})
"""A single failure may be chance, or the fault of one batch; two in a row without an accepted batch lower the limit."""


class InFlight:
    """A pool of slots for concurrent requests, from one to `limit`. Safe to use from several threads.

    All slots are available at first. Throttling and repeated failures halve their number, at most once a
    second; each round of accepted answers restores about one.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = float(limit)
        self._clock = clock
        self._changed = Condition()
        self._allowed = self._limit
        self._taken = 0
        self._halved_at = float("-inf")
        self._failed = False

    def enter(self) -> bool:
        """Take a slot and return True; return False if none is free. Never wait."""
        with self._changed:
            free = self._free() > 0
            self._taken += free
            return free

    def wait(self, seconds: float) -> None:
        """Wait until a slot is free, for at most this many seconds of real time."""
        with self._changed:
            self._changed.wait_for(lambda: self._free() > 0, seconds)

    def leave(self, verdict: Verdict | None = None) -> None:
        """Release a slot and adjust the limit to the verdict on its request (None: no request was made)."""
        with self._changed:
            self._taken -= 1
            self._adjust(verdict)
            self._changed.notify(self._free())

    @property
    def allowed(self) -> int:
        """The number of slots at present."""
        with self._changed:
            return int(self._allowed)

    def _free(self) -> int:
        return int(self._allowed) - self._taken

    def _adjust(self, verdict: Verdict | None) -> None:
        if verdict is Verdict.ACCEPTED:
            self._failed = False
            self._allowed = min(self._limit, self._allowed + 1 / self._allowed)
        elif verdict is Verdict.THROTTLED or (verdict in FAILURES and self._failed):
            self._halve(self._clock())
        self._failed |= verdict in FAILURES

    def _halve(self, now: float) -> None:
        if now - self._halved_at >= HALVING_SECONDS:
            self._allowed = max(1.0, self._allowed / 2)
            self._halved_at = now
