"""Limit the rate of requests that several machines send together: each takes places in one queue."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from connector.delivery.limiter import AdaptiveRate

TakePlaces = Callable[[float, float], tuple[int, float]]
"""Called with a rate and with seconds; takes the places of these seconds at this rate, at least one, and returns their
number and in how many seconds the first begins. The others follow at the distance of the rate."""

SECONDS_AT_ONCE = 0.1
"""The most places that are taken at once, in seconds of the rate."""
LATENESS = 0.02
"""Seconds after which an unused place is lost, so that late requests do not gather; twice a round trip if longer."""
MOST_LATENESS = 0.25
"""The most seconds, and those at first."""
ASKING_SECONDS = 0.002
"""After which to ask again while another thread takes places."""


class SharedLimiter:
    """Admits a request at each place that was taken, so that no second has more requests than configured.

    A request is sent up to LATENESS after its place begins, so places are taken at a rate that leaves room for that. As
    many are taken at once as were used lately, `most_at_once` at most: an unused place is lost for all machines. A
    service that throttles lowers the rate of this process, and pauses all of them if it asks for a pause.
    """

    def __init__(
        self,
        requests_per_second: float,
        take_places: TakePlaces,
        push_back: Callable[[float], None],
        *,
        most_at_once: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = AdaptiveRate(requests_per_second)
        self._take_places, self._push_back, self._clock = take_places, push_back, clock
        self._most_at_once = most_at_once
        self._lock = Lock()
        self._is_asking = False
        self._places: deque[tuple[float, float]] = deque()
        """The moments at which each place begins, and is lost."""
        self._size, self._lost = 1, 0
        self._lateness, self._throttled = MOST_LATENESS, 0

    def take(self) -> float:
        """See `Limiter.take`. Raises what taking places raises."""
        while True:
            with self._lock:
                wait = self._next_place(self._clock())
                # A request that is admitted leaves at once; one that has to wait has time to take places.
                if wait <= 0 or self._is_asking or len(self._places) > self._size // 2:
                    return wait
                self._is_asking = True
            try:
                self._ask()
            finally:
                self._is_asking = False

    def throttled(self, pause: float | None) -> None:
        """See `Limiter.throttled`."""
        with self._lock:
            self._rate.throttle(self._clock())
            self._places.clear()
            self._throttled += 1
        if pause:
            self._push_back(pause)

    @property
    def rate(self) -> float:
        """The present rate of this process in requests a second."""
        with self._lock:
            return self._rate.at(self._clock())

    def _next_place(self, now: float) -> float:
        """Use a place that has begun and return 0.0, or return the seconds until one begins."""
        while self._places and self._places[0][1] < now:
            self._places.popleft()
            self._lost += 1
        if not self._places:
            return ASKING_SECONDS
        begins, _ = self._places[0]
        if begins > now:
            return begins - now
        self._places.popleft()
        return 0.0

    def _ask(self) -> None:
        """Take more places. They begin by the latest clock that the answer allows, and are lost by the earliest."""
        with self._lock:
            asked = self._clock()
            rate = self._rate.at(asked) / (1 + self._lateness)
            most = max(1, min(self._most_at_once, int(rate * SECONDS_AT_ONCE)))
            self._size = min(most, max(1, self._size - self._lost) if self._lost else 2 * self._size)
            self._lost, lateness, throttled = 0, self._lateness, self._throttled
        count, start = self._take_places(rate, self._size / rate)
        with self._lock:
            answered = self._clock()
            self._lateness = min(MOST_LATENESS, max(LATENESS, 2 * (answered - asked)))
            for number in range(count if throttled == self._throttled else 0):
                offset = start + number / rate
                self._places.append((answered + offset, asked + offset + lateness))
