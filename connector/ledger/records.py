"""What the ledger knows, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector.core.outcomes import RunStatus
from connector.core.route import Action, Route


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a run when it begins."""

    run_id: str
    orchestration: str
    target: str
    workflow: str
    destination: str
    api_url: str
    test_event_code: str | None
    started_at: datetime
    row_limit: int | None = None
    retry_of: str | None = None
    retry_reason: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class StagedRows:
    """What staging a run came to: counts of rows, and its batches."""

    read: int
    rejects: Mapping[str, int]
    skips: Mapping[str, int]
    warnings: Mapping[str, int]
    batches: Sequence["BatchRecord"]
    unchanged_members: int | None = None
    recorded_batches: int = 0
    """Batches, from number 0, that the ledger has already."""
    identical_value: Mapping[str, str] = field(default_factory=dict)
    """What rows counted as `identical_rows` add to values: a decimal number by currency."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was read: its name as it is shown, its size in bytes, the SHA-256 of its bytes in hex."""

    name: str
    size: int
    digest: str
    columns: tuple[str, ...] | None = None
    """The names in its header line."""


@dataclass(frozen=True, slots=True)
class SentColumns:
    """The columns of the file that was sent last, its name, and the run that sent it."""

    name: str
    run_id: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a run has dealt with, under the settings of which `fingerprint` tells; `sent_at` is its start."""

    size: int
    digest: str
    run_id: str
    fingerprint: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """Where what was delivered counts as delivered: under this target, at this `api_url`."""

    target: str
    api_url: str


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """A name at TikTok, and where it counts: `kind` is `event_set`, `audience` or `event_source`."""

    kind: str
    target: str
    api_url: str
    advertiser_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoteId:
    """The id behind a name, since when it is known, and of an event set whether it tracks automatically."""

    id: str
    auto_tracking: bool | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A staged batch: where it lies, and how far it has come; of an audience also how many identifiers it holds."""

    number: int
    route: Route
    file: str
    position: int
    events: int
    rows: int
    members: int = 0


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch of which not everything is settled: what is, as (first event, events); and whether some of the rest
    may have been taken, its answer being lost. `sent_at` is when its first request left, in UTC.
    """

    record: BatchRecord
    settled: tuple[tuple[int, int], ...] = ()
    uncertain: bool = False
    sent_at: datetime | None = None

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
    """The keys of a batch's events, 16 bytes each, and whom each event was about, as the table `batch_keys` says."""

    keys: bytes
    persons: bytes
    keep_until: datetime


@dataclass(frozen=True, slots=True)
class SentKeys:
    """Keys, 16 bytes each, of events that were delivered, or (`lost`) of which no answer ever came."""

    keys: bytes
    lost: bool


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """A stretch of a batch and what became of it: `delivered`, `refused` or `skipped`.

    `reason` is that of the rows where they were left out, `code` and `message` the service's. `whole` says
    whether it is all of the batch; `figures` are what was learnt of events that were delivered.
    """

    number: int
    first_event: int
    events: int
    rows: int
    state: str
    reason: str | None = None
    code: int | None = None
    message: str | None = None
    whole: bool = False
    metrics: Mapping[str, Any] | None = None
    members: int = 0


class AccountState(StrEnum):
    """How an ad account of an audience stands: it has the members, waits for them, or was taken away."""

    SERVED = "served"
    WAITING = "waiting"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class AudienceRecord:
    """An audience as the ledger knows it: `key` is its number there, `members` its identifiers by type."""

    key: int
    target: str
    api_url: str
    audience_id: str
    name: str
    advertiser_ids: tuple[str, ...]
    synced_at: str | None
    members: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliveredMembers:
    """What runs added to an audience within some time; `last` is when the last of it was acknowledged."""

    audience_id: str
    runs: int
    rows: int
    members: int
    last: str


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What a stretch of a batch adds to an audience (`key`) or deletes from it, as the table `member_changes` says."""

    audience: int
    first_unit: int
    action: Action
    counts: bytes
    id_types: bytes
    digests: bytes


@dataclass(frozen=True, slots=True)
class AcknowledgedChange:
    """A change, and what became of the units of its batch: stretches as (first unit, units, fate), later ones standing
    over earlier ones; a fate is `delivered`, `unknown` or `nothing`.
    """

    change: MemberChange
    outcomes: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class MemberPartition:
    """A share of an audience's members of one type, 32 bytes each: acknowledged ones, and doubtful ones."""

    digests: bytes = b""
    doubtful: bytes = b""


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """Identifiers of an audience that a run added, removed, found unchanged, and sent again to added ad accounts."""

    added: int
    removed: int
    unchanged: int
    sent_again: int = 0


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and the answer to it. `first_event` counts within the batch, from 0."""

    batch: int
    first_event: int
    events: int
    attempt: int
    verdict: str
    http_status: int | None
    code: int | None
    message: str
    request_id: str | None
    seconds: float

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector runs show --json` prints for it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunSize:
    """How many rows a run read, and how many seconds it took."""

    run_id: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Where the rows of a run are. `read` is counted as rows come in, the others by what became of them."""

    read: int
    delivered: int
    rejected: int
    skipped: int
    pending: int

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.read == self.delivered + self.rejected + self.skipped + self.pending


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it stands in the ledger."""

    run_id: str
    orchestration: str
    target: str
    workflow: str
    status: RunStatus
    started_at: str
    finished_at: str | None
    seconds: float
    rows: RowCounts
    events_built: int
    events_delivered: int
    events_refused: int
    requests_sent: int
    requests_retried: int
    rejects: dict[str, int] = field(default_factory=dict)
    skips: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    identical_value: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    api_url: str = ""
    test_event_code: str | None = None
    staged: bool = False
    resumable: bool = True
    row_limit: int | None = None
    retry_of: str | None = None
    retry_reason: str | None = None
    fingerprint: str | None = None
    host: str | None = None
    query_id: str | None = None
    destination: str = ""
    members: MemberCounts | None = None

    @property
    def may_have_sent(self) -> bool:
        """True if some batches, or all, are staged, so that something may have been sent."""
        return self.staged or self.events_built > 0

    @property
    def is_empty(self) -> bool:
        """Tell whether the run is completed although no row was read."""
        return self.status is RunStatus.COMPLETED and not self.rows.read

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector run --json` prints."""
        rows = self.rows
        return {
            "run_id": self.run_id,
            "orchestration": self.orchestration,
            "target": self.target,
            "workflow": self.workflow,
            "status": self.status.value,
            "rows": {
                "read": rows.read,
                "delivered": rows.delivered,
                "rejected": rows.rejected,
                "skipped": rows.skipped,
                "pending": rows.pending,
            },
            "events": {
                "built": self.events_built,
                "delivered": self.events_delivered,
                "refused": self.events_refused,
            },
            "requests": {"sent": self.requests_sent, "retried": self.requests_retried},
            "rejects": self.rejects,
            "skips": self.skips,
            "warnings": self.warnings,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": self.seconds,
            "error": self.error,
            **({"identical_value": self.identical_value} if self.identical_value else {}),
            **({"members": asdict(self.members)} if self.members else {}),
        }
