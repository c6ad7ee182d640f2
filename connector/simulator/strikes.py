"""The faults there are at present, and whose turn it is to strike."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from connector.simulator.faults import Fault
from connector.simulator.messages import Request


class Faults:
    """The faults there are at present. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = Lock()
        self._counters = [_Counter(fault) for fault in faults]

    @property
    def active(self) -> list[Fault]:
        """Those that may still strike."""
        return [counter.fault for counter in self._counters if not counter.used_up]

    def add(self, faults: Iterable[Fault]) -> None:
        """More of them."""
        with self._lock:
            self._counters = [*self._counters, *map(_Counter, faults)]

    def clear(self) -> None:
        """None from now on."""
        with self._lock:
            self._counters = []

    def strike(self, request: Request, now: float) -> Fault | None:
        """The first fault that spoils this request whatever it holds."""
        if not self._counters:
            return None
        with self._lock:
            return next(
                (one.fault for one in self._counters if not one.fault.looks_inside and one.strikes(request, now)), None
            )

    def strike_inside(self, request: Request, source_id: str, events: list[dict[str, Any]], now: float) -> "Hit | None":
        """The first fault that spoils this request for what it holds, and the first event it concerns."""
        with self._lock:
            for one in self._counters:
                index = one.fault.looks_inside and _first(one.fault, source_id, events)
                if type(index) is int and one.strikes(request, now):
                    return Hit(one.fault, index)
        return None

    @property
    def look_inside(self) -> bool:
        """Whether some fault depends on what a request holds."""
        return any(one.fault.looks_inside and not one.used_up for one in self._counters)


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault and the first event that it concerns, counted from 0."""

    fault: Fault
    index: int


@dataclass(slots=True)
class _Counter:
    """How often a fault has had its chance, and how often it struck."""

    fault: Fault
    met: int = 0
    struck: int = 0
    second: int = 0
    in_second: int = 0

    @property
    def used_up(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times

    def strikes(self, request: Request, now: float) -> bool:
        """Whether it spoils this request; counts it."""
        if self.used_up or not self.fault.concerns(request) or not self._above_rate(now):
            return False
        self.met += 1
        due = self.met - self.fault.skip
        if due < 1 or (due - 1) % self.fault.every:
            return False
        self.struck += 1
        return True

    def _above_rate(self, now: float) -> bool:
        if self.fault.rate is None:
            return True
        if int(now) != self.second:
            self.second, self.in_second = int(now), 0
        self.in_second += 1
        return self.in_second > self.fault.rate


def _first(fault: Fault, source_id: str, events: list[dict[str, Any]]) -> int | None:
    """The index of the first event that the fault concerns; 0 where it concerns the request."""
    if fault.event_source_id not in {None, source_id}:
        return None
    if fault.kind != "refuse":
        return 0
    return next((index for index, event in enumerate(events) if fault.refuses(event)), None)
