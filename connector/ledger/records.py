"""What the ledger knows, as values."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from connector.outcomes import RunStatus
from connector.route import Route


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


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A staged batch: where it lies, and how far it has come."""

    number: int
    route: Route
    file: str
    place: int
    events: int
    rows: int


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch of which not everything is settled: what is, as (first event, events); and whether some of the rest
    may have been taken, its answer being lost.
    """

    record: BatchRecord
    settled: tuple[tuple[int, int], ...] = ()
    uncertain: bool = False

    def gaps(self) -> list[tuple[int, int]]:
        """The parts that are still to be sent, as (first event, events), in order."""
        found, next_event = [], 0
        for first, events in sorted(self.settled):
            if first > next_event:
                found.append((next_event, first - next_event))
            next_event = first + events
        left = self.record.events - next_event
        return [*found, (next_event, left)] if left > 0 else found


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
        """The object that `connector runs show --json` prints for it."""
        return asdict(self)


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
    error: str | None = None
    api_url: str = ""
    test_event_code: str | None = None
    staged: bool = False
    resumable: bool = True

    def as_json(self) -> dict[str, object]:
        """The object that `connector run --json` prints."""
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
        }
