"""What the simulator has seen, and which events it knows already."""

import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

DUPLICATE_SECONDS = 48 * 3_600
"""Same source, name and id within 48 hours of the first: counted once (agreed by several sources)."""


@dataclass(slots=True)
class Tally:
    """Counts since the start. `events` holds distinct events by "source id" and name.

    `received` counts events of accepted requests: distinct + duplicates + test_events.
    """

    requests: int = 0
    refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Requests not answered with code 0, by code (or HTTP status where there was no envelope)."""
    received: int = 0
    distinct: int = 0
    duplicates: int = 0
    test_events: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    events: dict[str, Counter[str]] = field(default_factory=dict)
    largest_request: int = 0
    connections: int = 0


class State:
    """The simulator's memory: thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tally = Tally()
        self._seen: dict[int, float] = {}

    def snapshot(self) -> Tally:
        """A copy of the counts."""
        with self._lock:
            return copy.deepcopy(self._tally)

    def count_answer(self, code: int) -> None:
        """A request was answered with that code."""
        with self._lock:
            self._tally.requests += 1
            if code:
                self._tally.refused += 1
                self._tally.refusals[str(code)] += 1

    def take(self, body: dict[str, Any], violations: Counter[str]) -> None:
        """Count the events of an accepted request."""
        events = body["data"]
        with self._lock:
            self._tally.received += len(events)
            self._tally.largest_request = max(self._tally.largest_request, len(events))
            self._tally.violations.update(violations)
            if "test_event_code" in body:
                self._tally.test_events += len(events)
            else:
                self._count(f"{body['event_source']} {body['event_source_id']}", events)

    def _count(self, source: str, events: list[dict[str, Any]]) -> None:
        fresh = self._fresh(source, events)
        self._tally.distinct += len(fresh)
        self._tally.duplicates += len(events) - len(fresh)
        self._tally.events.setdefault(source, Counter()).update(fresh)

    def _fresh(self, source: str, events: list[dict[str, Any]]) -> list[str]:
        """The names of the events that were not seen within 48 hours; without an id nothing is recognised."""
        now, seen, fresh = self._clock(), self._seen, []
        for event in events:
            event_id = event.get("event_id")
            if event_id is not None:
                key = hash((source, event["event"], event_id))
                if now - seen.get(key, float("-inf")) < DUPLICATE_SECONDS:
                    continue
                seen[key] = now
            fresh.append(event["event"])
        return fresh
