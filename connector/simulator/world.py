"""The simulator's state, shared by its connections, and its rate limits."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from connector.simulator.ad_accounts import Accounts
from connector.simulator.audience import Audience
from connector.simulator.dedup_window import DedupWindow
from connector.simulator.fault_schedule import FaultSchedule
from connector.simulator.faults import Fault
from connector.simulator.messages import API, Delivery, RequestRefused, Response
from connector.simulator.recording import Recording
from connector.simulator.strictness import STRICT, Strictness
from connector.simulator.tally import Tally

if TYPE_CHECKING:
    from connector.simulator.state import StateFile, StoredAudiences, StoredWindow

EVENT_REQUESTS, SEGMENT_REQUESTS, OTHER_REQUESTS = 1_000, 10_000, 10
"""Requests a second at the lowest tier, each endpoint by itself. Minute and day windows are not modelled."""
TOO_MANY_REQUESTS = "Too many requests. Please retry in some time."


class RateLimit:
    """Counts the requests of the current second by endpoint. Not thread-safe."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[str, int] = {}

    def count(self, path: str, now: float) -> None:
        """Count a request. Raises RequestRefused with 40100 if there are too many."""
        if int(now) != self._second:
            self._second, self._counts = int(now), {}
        requests = self._counts[path] = self._counts.get(path, 0) + 1
        if requests > max_requests(path):
            raise RequestRefused(40100, TOO_MANY_REQUESTS)


def max_requests(path: str) -> int:
    """Return how many requests a second an endpoint accepts."""
    inside = path.removeprefix(API)
    if inside == "/event/track/":
        return EVENT_REQUESTS
    return SEGMENT_REQUESTS if inside.startswith("/segment/") else OTHER_REQUESTS


class World:
    """State of one simulator. `lock` is held while it is changed; `clock` gives Unix seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        strictness: Strictness = STRICT,
        faults: Iterable[Fault] = (),
        recording: Recording | None = None,
        state: Path | None = None,
    ) -> None:
        self.lock = Lock()
        self._file: StateFile | None = None
        self._stored: StoredAudiences | None = None
        self.strictness = strictness
        self.recording = recording
        self.faults = FaultSchedule(faults)
        self.accounts = Accounts(self.clock)
        self.clock_offset = 0.0
        """Seconds that the simulator's clock is ahead of the real one."""
        self._clock = clock
        self.started = clock()
        self._ids = count(int(self.started) * 1_000_000_000)
        self.audiences: dict[str, Audience] = {}
        self.dedup_window: DedupWindow | StoredWindow = DedupWindow()
        self.reset()
        if state:
            self._open(state)

    def _open(self, path: Path) -> None:
        """Keep events and audiences in a file. Raises ConnectorError if it is damaged."""
        from connector.simulator.state import StateFile, StoredAudiences, StoredWindow

        self._file = StateFile(path)
        self.dedup_window, self._stored = StoredWindow(self._file, self.clock()), StoredAudiences(self._file)
        # Two processes may start within one second.
        self._ids = count(time.time_ns())

    @property
    def is_stored(self) -> bool:
        """True if events and audiences are kept in a file."""
        return self._stored is not None

    @contextmanager
    def open_audiences(self, path: str) -> Iterator[None]:
        """Keep the audiences current, and store their changes, while a request is answered that may be about them."""
        if self._stored is None or not path.removeprefix(API).startswith(("/segment/", "/dmp/")):
            yield
            return
        with self._stored.open() as self.audiences:
            with self.lock:
                self.tally.members = sum(audience.size() for audience in self.audiences.values())
            yield

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()

    def reset(self) -> None:
        """Delete events, audiences and counts in memory. Accounts and faults stay."""
        self.audiences = {}
        self.dedup_window = DedupWindow()
        self.rates = RateLimit()
        self.tally = Tally()

    def clock(self) -> float:
        """Return Unix seconds."""
        return self._clock() + self.clock_offset

    def next_id(self) -> str:
        """Return a new id of 19 digits."""
        return str(next(self._ids))

    def snapshot(self) -> Tally:
        """Return a copy of the counts."""
        with self.lock:
            return self.tally.copy()

    def count_connection(self) -> None:
        """Count a client's connection."""
        with self.lock:
            self.tally.connections += 1

    def count_answer(self, response: Response) -> None:
        """Count a request that was answered, or carried out without an answer, or reset."""
        code = response.code if response.code is not None else response.status
        with self.lock:
            self.tally.requests += 1
            if code or response.delivery is Delivery.RESET:
                self.tally.refused += 1
                self.tally.refusals[str(code) if code else "reset"] += 1
