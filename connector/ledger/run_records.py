"""Records of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connector.core.outcomes import RunStatus, Skip
from connector.ledger.batch_records import BatchRecord

_CURSOR = ("column", "since", "reached")
"""The keys of a range that users see."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The target and address within which deliveries count: another target or `api_url` does not know of them."""

    target: str
    """The name of the target."""
    api_url: str
    """The address of the destination's API."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that starts."""

    run_id: str
    """Its id."""
    orchestration: str
    """The name of its orchestration."""
    target: str
    """The name of its target."""
    workflow: str
    """`manual` or `automatic`."""
    destination: str
    """The name of its destination."""
    api_url: str
    """The address of the destination's API."""
    test_event_code: str | None
    """The code of a test run, whose events count nowhere; None for any other."""
    started_at: datetime
    """Its start."""
    row_limit: int | None = None
    """The limit on its rows, if there is one."""
    retry_of: str | None = None
    """The run whose rejected rows it tries again, if it does."""
    retry_reason: str | None = None
    """The reason of the rows that it tries again; None: any."""
    fingerprint: str | None = None
    """Changes when the orchestration does."""
    cursor: Mapping[str, Any] | None = None
    """The range that it reads, as `CursorRange.as_json` gives it; None: all rows."""
    engine: str | None = None
    """The name of the engine whose machines work on it; None: this process alone."""
    stage: str | None = None
    """The address of the folder that these machines share."""


@dataclass(frozen=True, slots=True)
class StagedRows:
    """The result of staging a run."""

    read: int
    """Rows that were read."""
    rejects: Mapping[str, int]
    """Rejected rows by reason."""
    skips: Mapping[str, int]
    """Skipped rows by reason."""
    warnings: Mapping[str, int]
    """Rows by warning."""
    batches: Sequence[BatchRecord]
    """The batches that the ledger does not have yet."""
    unchanged_members: int | None = None
    """Identifiers that are members already and stay; None for events."""
    recorded_batches: int = 0
    """Batches, from number 0, that the ledger has already."""
    identical_value: Mapping[str, str] = field(default_factory=dict)
    """The value that identical rows add, a decimal number by currency."""
    cursor: Mapping[str, Any] | None = None
    """The range that was read, with the highest value; None: all rows."""


@dataclass(frozen=True, slots=True)
class RunSize:
    """The size of a run."""

    run_id: str
    """The id of the run."""
    rows: int
    """Rows that it read."""
    seconds: float
    """Its duration."""
    rejected: int = 0
    """Rows that it rejected."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The rows of a run by outcome. `read` is counted while reading, the others by outcome."""

    read: int
    """Rows that were read."""
    delivered: int
    """Delivered rows."""
    rejected: int
    """Rejected rows."""
    skipped: int
    """Skipped rows."""
    pending: int
    """Rows without a final outcome."""

    @property
    def balanced(self) -> bool:
        """True if the outcomes add up to the rows that were read."""
        return self.read == self.delivered + self.rejected + self.skipped + self.pending


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """The identifiers of a run for an audience."""

    added: int
    """Identifiers that were added."""
    removed: int
    """Identifiers that were deleted."""
    unchanged: int
    """Identifiers that were members before and stay."""
    sent_again: int = 0
    """Identifiers that were sent again to ad accounts that were added."""


@dataclass(frozen=True, slots=True)
class DeliveryTotals:
    """The outcome of a run in numbers."""

    rows: RowCounts
    """Its rows by outcome."""
    events_built: int = 0
    """Events that were staged."""
    events_delivered: int = 0
    """Events that were delivered."""
    events_refused: int = 0
    """Events that the destination refused."""
    members: MemberCounts | None = None
    """Its identifiers, if it is for an audience."""
    value: Mapping[str, str] = field(default_factory=dict)
    """The value of the delivered events, a decimal number by currency. Empty until the run ends."""
    newest_event: datetime | None = None
    """The time of the latest delivered event. None until the run ends."""

    def as_json(self) -> dict[str, Any]:
        """Return the object that the ledger stores."""
        newest = self.newest_event.isoformat() if self.newest_event else None
        return {**asdict(self), "newest_event": newest}


def totals_from_json(stored: Mapping[str, Any]) -> DeliveryTotals:
    """Return the totals that `DeliveryTotals.as_json` gave."""
    members, newest = stored["members"], stored["newest_event"]
    given = {
        "rows": RowCounts(**stored["rows"]),
        "members": MemberCounts(**members) if members else None,
        "newest_event": datetime.fromisoformat(newest) if newest else None,
    }
    return DeliveryTotals(**{**stored, **given})


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run in the ledger."""

    run_id: str
    """Its id."""
    orchestration: str
    """The name of its orchestration."""
    target: str
    """The name of its target."""
    workflow: str
    """`manual` or `automatic`."""
    status: RunStatus
    """Its status."""
    started_at: str
    """Its start, UTC in ISO 8601."""
    finished_at: str | None
    """Its end, UTC in ISO 8601; None while it is running."""
    seconds: float
    """Its duration, pauses before a resume not counted."""
    rows: RowCounts
    """Its rows by outcome."""
    events_built: int
    """Events that were staged."""
    events_delivered: int
    """Events that were delivered."""
    events_refused: int
    """Events that the destination refused."""
    requests_sent: int
    """Requests that were sent."""
    requests_retried: int
    """Requests that repeated an earlier one."""
    rejects: dict[str, int] = field(default_factory=dict)
    """Rejected rows by reason."""
    skips: dict[str, int] = field(default_factory=dict)
    """Skipped rows by reason."""
    warnings: dict[str, int] = field(default_factory=dict)
    """Rows by warning."""
    identical_value: dict[str, str] = field(default_factory=dict)
    """The value that identical rows add, a decimal number by currency."""
    error: str | None = None
    """The message of the error that ended it."""
    api_url: str = ""
    """The address of the destination's API."""
    test_event_code: str | None = None
    """The code of a test run, whose events count nowhere; None for any other."""
    staged: bool = False
    """True if all its rows are staged."""
    resumable: bool = True
    """False if it cannot be resumed."""
    row_limit: int | None = None
    """The limit on its rows, if there is one."""
    retry_of: str | None = None
    """The run whose rejected rows it tries again, if it does."""
    retry_reason: str | None = None
    """The reason of the rows that it tries again; None: any."""
    fingerprint: str | None = None
    """Changes when the orchestration does."""
    host: str | None = None
    """The machine with its stage."""
    query_id: str | None = None
    """The id of its query in the history of the warehouse."""
    destination: str = ""
    """The name of its destination."""
    members: MemberCounts | None = None
    """Its identifiers, if it is for an audience."""
    cursor: Mapping[str, Any] | None = None
    """The range that it reads, as `CursorRange.as_json` gives it; None: all rows."""
    engine: str | None = None
    """The name of the engine whose machines worked on it; None: one process did."""
    stage: str | None = None
    """The address of the folder that these machines share."""

    @property
    def may_have_sent(self) -> bool:
        """True if some batches, or all, are staged, so that something may have been sent."""
        return self.staged or self.events_built > 0

    @property
    def delivered_before(self) -> int:
        """The number of rows that earlier runs delivered, which are not sent again."""
        return self.skips.get(Skip.ALREADY_DELIVERED, 0) + self.skips.get(Skip.ALREADY_MEMBER, 0)

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
            "engine": self.engine,
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
            **({"cursor": {key: self.cursor[key] for key in _CURSOR}} if self.cursor else {}),
        }


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """The name of a remote object, and the scope in which it is unique."""

    kind: str
    """`event_set`, `audience` or `event_source`."""
    target: str
    """The name of the target."""
    api_url: str
    """The address of the destination's API."""
    advertiser_id: str
    """The ad account."""
    name: str
    """The name of the object."""


@dataclass(frozen=True, slots=True)
class RemoteId:
    """The id of a remote object."""

    id: str
    """The id that the destination gave it."""
    auto_tracking: bool | None
    """The last known state of that setting of an event set."""
    known_at: datetime
    """The time at which the id was stored."""
