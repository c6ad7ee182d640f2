"""Limits that keep one reader from using up the console."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

BODY_BYTES = 256 * 1024
FORM_FIELDS = 200
HEAD_BYTES = 16 * 1024
CONNECTIONS = 64
STREAMS, STREAMS_OF_ONE = 32, 4
"""Streams of all readers, and those of one session."""
LEDGER_THREADS = 8
PAGE_SECONDS = 10
LIST_LINES = 50
SQL_BYTES = 64 * 1024
TESTS_A_MINUTE = 10
PLANS, PLANS_OF_ONE = 2, 1
"""Plans of all users at the same time, and those of one."""


class StreamLimit:
    """Counts open streams."""

    def __init__(self, most: int = STREAMS, most_of_one: int = STREAMS_OF_ONE) -> None:
        self._most, self._most_of_one, self._lock = most, most_of_one, Lock()
        self._open: Counter[str] = Counter()

    @property
    def open_now(self) -> int:
        """The number of open streams."""
        return self._open.total()

    @contextmanager
    def opened(self, identity: str) -> Iterator[bool]:
        """Count a stream of an identity until the end of the block; yield false if there are too many."""
        with self._lock:
            is_allowed = self._open.total() < self._most and self._open[identity] < self._most_of_one
            if is_allowed:
                self._open[identity] += 1
        try:
            yield is_allowed
        finally:
            if is_allowed:
                with self._lock:
                    self._open[identity] -= 1
                    self._open += Counter()


class RateLimit:
    """Allows so many uses a minute."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._uses: deque[float] = deque(maxlen=most)
        self._most, self._now, self._lock = most, now, Lock()

    def allow(self) -> bool:
        """Count a use; return false if there were too many within a minute."""
        with self._lock:
            now = self._now()
            if len(self._uses) == self._most and now - self._uses[0] < 60:
                return False
            self._uses.append(now)
            return True
