"""The counts of what the simulator has seen."""

import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """Counts since the start. `events` holds distinct events by "source id" and name.

    `received` counts events of accepted requests: distinct + duplicates + test_events.
    """

    requests: int = 0
    refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Requests not answered with code 0, by code (or HTTP status where there was no envelope)."""
    endpoints: Counter[str] = field(default_factory=Counter)
    """Requests by path, of the paths that there are."""
    faults: Counter[str] = field(default_factory=Counter)
    """Requests that met a fault, by its kind."""
    received: int = 0
    distinct: int = 0
    duplicates: int = 0
    merged: int = 0
    """Duplicates within five minutes that told something new about the first event."""
    test_events: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    """Values that must not leave the sender as they did; never the value itself."""
    notes: Counter[str] = field(default_factory=Counter)
    """Events that TikTok takes, with less effect than their sender may think."""
    events: dict[str, Counter[str]] = field(default_factory=dict)
    identity: Counter[str] = field(default_factory=Counter)
    """Distinct events by what they carry: email, phone, external_id, ttclid and so on."""
    largest_request: int = 0
    connections: int = 0
    members: int = 0
    """Identifiers that were put into audiences and not taken out again."""

    def copy(self) -> "Tally":
        """The counts as they are, which do not change any more."""
        return copy.deepcopy(self)

    def as_json(self) -> dict[str, Any]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}
