"""How many requests may be on their way at once: fewer when the service is in trouble."""

import time
from collections.abc import Callable
from threading import Condition

from connector.delivery.answer import Verdict
from connector.delivery.limiter import HALVING_SECONDS

FAILURES = frozenset({Verdict.RETRY, Verdict.UNKNOWN})
"""One may be chance, or the fault of a single batch; two with nothing accepted between them are a sign of trouble."""


class InFlight:
    """Places for requests that are on their way, from one to `most`. Used from several threads.

    All may be taken at first. Throttling and repeated failures halve their number, at most once a
    second; each round of accepted answers gives about one back.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(most)
        self._clock = clock
        self._changed = Condition()
        self._allowed = self._most
        self._taken = 0
        self._halved_at = float("-inf")
        self._failed = False

    def enter(self) -> bool:
        """Take a place; False when none is free. Never waits."""
        with self._changed:
            free = self._free() > 0
            self._taken += free
            return free

    def wait(self, seconds: float) -> None:
        """Return as soon as a place is free, or after that many seconds of real time."""
        with self._changed:
            self._changed.wait_for(lambda: self._free() > 0, seconds)

    def leave(self, verdict: Verdict | None = None) -> None:
        """Give a place back, with what the answer to its request said (None: there is no answer)."""
        with self._changed:
            self._taken -= 1
            self._learn(verdict)
            self._changed.notify(self._free())

    @property
    def allowed(self) -> int:
        """Requests that may be on their way at present."""
        with self._changed:
            return int(self._allowed)

    def _free(self) -> int:
        return int(self._allowed) - self._taken

    def _learn(self, verdict: Verdict | None) -> None:
        if verdict is Verdict.ACCEPTED:
            self._failed = False
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)
        elif verdict is Verdict.THROTTLED or (verdict in FAILURES and self._failed):
            self._halve(self._clock())
        self._failed |= verdict in FAILURES

    def _halve(self, now: float) -> None:
        if now - self._halved_at >= HALVING_SECONDS:
            self._allowed = max(1.0, self._allowed / 2)
            self._halved_at = now
