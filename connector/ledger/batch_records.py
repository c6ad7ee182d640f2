"""Records of batches and requests."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connector.core.route import Route


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A staged batch."""

    number: int
    """Its number in the run, from 0."""
    route: Route
    """The destination's resource that it goes to, and the operation there."""
    file: str
    """The name of the file of the stage that has it."""
    position: int
    """Its position in that file, from 0."""
    events: int
    """The number of its events."""
    rows: int
    """The number of rows that its events were made of."""
    members: int = 0
    """The number of its identifiers, if it is for an audience."""


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch of which some events have no final outcome."""

    record: BatchRecord
    """The batch."""
    settled: tuple[tuple[int, int], ...] = ()
    """The ranges of events with a final outcome, as (first event, events)."""
    uncertain: bool = False
    """True if an answer was lost, so that some of the other events may have been accepted."""
    sent_at: datetime | None = None
    """The time of its first request, in UTC."""

    def pending_ranges(self) -> list[tuple[int, int]]:
        """Return the ranges of events that are still to be sent, as (first event, events), in order."""
        ranges, next_event = [], 0
        for first, events in sorted(self.settled):
            if first > next_event:
                ranges.append((next_event, first - next_event))
            next_event = first + events
        rest = self.record.events - next_event
        return [*ranges, (next_event, rest)] if rest > 0 else ranges


@dataclass(frozen=True, slots=True)
class BatchKeys:
    """The keys of a batch's events, as the table `batch_keys` stores them."""

    keys: bytes
    """The keys of its events, 16 bytes each."""
    persons: bytes
    """The persons that each event is about."""
    keep_until: datetime
    """The time after which no run needs them."""


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """A slice of a batch, and its outcome."""

    number: int
    """The number of the batch."""
    first_event: int
    """The position of its first event in the batch, from 0."""
    events: int
    """The number of its events."""
    rows: int
    """The number of rows that its events were made of."""
    state: str
    """`delivered`, `refused` or `skipped`."""
    reason: str | None = None
    """The reason of its rows, if they are excluded."""
    code: int | None = None
    """The return code of the destination, if it refused them."""
    message: str | None = None
    """The message of the destination."""
    whole: bool = False
    """True if it is the whole batch."""
    metrics: Mapping[str, Any] | None = None
    """The metrics of its events, if they were delivered."""
    members: int = 0
    """The number of its identifiers, if it is for an audience."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request and its answer."""

    batch: int
    """The number of the batch."""
    first_event: int
    """The position of its first event in the batch, from 0."""
    events: int
    """The number of its events."""
    attempt: int
    """The number of the attempt, from 1."""
    verdict: str
    """The decision about the batch, as a `Verdict`."""
    http_status: int | None
    """The HTTP status; None if no response arrived."""
    code: int | None
    """The return code of the destination, if it gave one."""
    message: str
    """The message of the destination."""
    request_id: str | None
    """The id that the destination gave the request."""
    seconds: float
    """Its duration."""

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector runs show --json` prints for it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class KeyPeriods:
    """The times from which and until which sent events count."""

    delivered_since: datetime
    """Events that were delivered at or after this time count."""
    lost_before: datetime | None
    """Events whose answers were lost count if they were sent before this time; None: they never count."""


@dataclass(frozen=True, slots=True)
class SentKeys:
    """Keys of sent events."""

    keys: bytes
    """16 bytes each."""
    answer_lost: bool
    """True if the answers were lost; False if the events were delivered."""
