"""The active faults, and which of them applies to the next request."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from connector.simulator.faults import Fault
from connector.simulator.messages import Request


class FaultSchedule:
    """The active faults. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = Lock()
        self._counters = [_FaultCounter(fault) for fault in faults]

    @property
    def active(self) -> list[Fault]:
        """The faults that may still apply."""
        return [counter.fault for counter in self._counters if not counter.exhausted]

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults."""
        with self._lock:
            self._counters = [*self._counters, *map(_FaultCounter, faults)]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._counters = []

    def next_fault(self, request: Request, now: float) -> Fault | None:
        """Return the first fault that applies to this request whatever it contains."""
        if not self._counters:
            return None
        with self._lock:
            return next(
                (one.fault for one in self._counters if not one.fault.needs_events and one.applies(request, now)), None
            )

    def next_event_fault(
        self, request: Request, source_id: str, events: list[dict[str, Any]], now: float
    ) -> "FaultHit | None":
        """Return the first fault that applies to this request for its events, and the first event it concerns."""
        with self._lock:
            for counter in self._counters:
                index = counter.fault.needs_events and _first_matching(counter.fault, source_id, events)
                if type(index) is int and counter.applies(request, now):
                    return FaultHit(counter.fault, index)
        return None

    @property
    def has_event_faults(self) -> bool:
        """Whether some fault depends on the events of a request."""
        return any(one.fault.needs_events and not one.exhausted for one in self._counters)


@dataclass(frozen=True, slots=True)
class FaultHit:
    """A fault and the first event that it concerns, counted from 0."""

    fault: Fault
    index: int


@dataclass(slots=True)
class _FaultCounter:
    """How many requests matched a fault, and to how many it was applied."""

    fault: Fault
    matched: int = 0
    applied: int = 0
    current_second: int = 0
    requests_in_second: int = 0

    @property
    def exhausted(self) -> bool:
        return self.fault.times is not None and self.applied >= self.fault.times

    def applies(self, request: Request, now: float) -> bool:
        """Count the request, and test whether the fault applies to it."""
        if self.exhausted or not self.fault.matches_path(request) or not self._exceeds_rate(now):
            return False
        self.matched += 1
        due = self.matched - self.fault.skip
        if due < 1 or (due - 1) % self.fault.every:
            return False
        self.applied += 1
        return True

    def _exceeds_rate(self, now: float) -> bool:
        if self.fault.rate is None:
            return True
        if int(now) != self.current_second:
            self.current_second, self.requests_in_second = int(now), 0
        self.requests_in_second += 1
        return self.requests_in_second > self.fault.rate


def _first_matching(fault: Fault, source_id: str, events: list[dict[str, Any]]) -> int | None:
    """Return the index of the first event that the fault concerns; 0 if it concerns the whole request."""
    if fault.event_source_id not in {None, source_id}:
        return None
    if fault.kind != "refuse":
        return 0
    return next((index for index, event in enumerate(events) if fault.matches_event(event)), None)
