"""The counts of what the simulator has received, and their summary."""

import copy
from collections import Counter
from collections.abc import Iterator
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
    """Requests not answered with code 0, by code (or HTTP status without an envelope)."""
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
        """Return a copy that does not change any more."""
        return copy.deepcopy(self)

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def summary(tally: Tally) -> Iterator[str]:
    """Yield lines of text: what was received, counted and wrong."""
    start = f"The simulator got {_count_noun(tally.requests, 'request')} and refused {tally.refused:,}"
    about_audiences = any("/segment/" in path or "/custom_audience/" in path for path in tally.endpoints)
    if about_audiences and not tally.distinct + tally.duplicates + tally.test_events:
        yield f"{start}; its audiences hold {_count_noun(tally.members, 'identifier')}."
    else:
        yield (
            f"{start}; it counted {_count_noun(tally.distinct, 'event')} and discarded "
            f"{_count_noun(tally.duplicates, 'duplicate')}."
        )
    if tally.test_events:
        yield f"  {_count_noun(tally.test_events, 'test event')}, not counted"
    for source, names in sorted(tally.events.items()):
        for name, events in names.most_common():
            yield f"  {source}  {name}  {events:,}"
    yield from _problem_lines(tally)


def detailed_summary(tally: Tally) -> Iterator[str]:
    """Yield the summary with identifiers and requests by endpoint."""
    lines = summary(tally)
    yield next(lines)
    for path, requests in tally.endpoints.most_common():
        yield f"  {path}  {_count_noun(requests, 'request')}"
    if tally.distinct:
        carried = (f"{name} {number / tally.distinct:.0%}" for name, number in tally.identity.most_common())
        yield f"  identity: {', '.join(carried) or 'none'}"
    if tally.merged:
        yield f"  {_count_noun(tally.merged, 'duplicate')} within five minutes added to the first event"
    if tally.members:
        yield f"  {_count_noun(tally.members, 'identifier')} in audiences"
    yield from lines


def _problem_lines(tally: Tally) -> Iterator[str]:
    for code, requests in tally.refusals.most_common():
        yield f"  refused with {code}: {_count_noun(requests, 'request')}"
    for kind, requests in tally.faults.most_common():
        yield f"  fault {kind}: {_count_noun(requests, 'request')}"
    for problem, events in tally.notes.most_common():
        yield f"  note: {problem}: {events:,}"
    for problem, values in tally.violations.most_common():
        yield f"  VIOLATION: {problem}: {_count_noun(values, 'value')}"


def _count_noun(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
