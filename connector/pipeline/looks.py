"""What can be seen of a run before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of rows, events and requests; `minutes` is what the rate limit alone costs, `notes` are about files.
    `identical_value` is what the rows counted as `identical_rows` add to values: a decimal number by currency.

    `would_fail` is the sentence on rows of which a run would send nothing. `changes` is what the run would first do to
    the ad account, `members` the identifiers that an audience's run adds, removes and leaves; without events.
    """

    orchestration: str
    destination: str
    target: str
    limit: int | None
    test_event_code: str | None
    read: int
    to_send: int
    events: int
    requests: int
    rejects: dict[str, int]
    skips: dict[str, int]
    warnings: dict[str, int]
    identical_value: Mapping[str, str]
    minutes: float
    too_many_rejects: str | None
    would_fail: str | None
    notes: list[str]
    changes: list[str]
    members: dict[str, int] | None = None

    def as_json(self) -> dict[str, object]:
        """The object that `connector plan --json` prints."""
        return {
            "orchestration": self.orchestration,
            "destination": self.destination,
            "target": self.target,
            "limit": self.limit,
            "test_event_code": self.test_event_code,
            "rows": {
                "read": self.read,
                "to_send": self.to_send,
                "rejected": sum(self.rejects.values()),
                "skipped": sum(self.skips.values()),
            },
            "events": self.events,
            "requests": self.requests,
            "rejects": self.rejects,
            "skips": self.skips,
            "warnings": self.warnings,
            **({"identical_value": self.identical_value} if self.identical_value else {}),
            "minutes": self.minutes,
            "too_many_rejects": self.too_many_rejects,
            "would_fail": self.would_fail,
            "notes": self.notes,
            "changes": self.changes,
            **({"members": self.members} if self.members is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """Request bodies with the first events, and the first rows that are left out, of the rows read.

    `would_fail` is the sentence on rows of which a run would send nothing, as far as the rows read show it.
    `warnings` count all of the rows read; `identical_value` as in a Plan.
    """

    orchestration: str
    target: str
    read: int
    bodies: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    would_fail: str | None = None
    notes: tuple[str, ...] = ()
    warnings: Mapping[str, int] = field(default_factory=dict)
    identical_value: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False
    """Whether the rows read are the whole result."""

    def as_json(self) -> dict[str, Any]:
        """The object that `connector preview --json` prints."""
        return {
            "orchestration": self.orchestration,
            "target": self.target,
            "rows_read": self.read,
            "requests": self.bodies,
            "left_out": self.left_out,
            "warnings": self.warnings,
            **({"identical_value": self.identical_value} if self.identical_value else {}),
            "would_fail": self.would_fail,
            "notes": list(self.notes),
        }
