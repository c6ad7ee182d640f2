"""Runs in a ledger, for tests of the ledger alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from connector.ledger.ledger import Ledger
from connector.ledger.records import BatchKeys, BatchRecord, NewRun, Scope, StagedRows
from connector.route import Route

RUN = "20260101T000000-abcdef"
HOLDER = "holder"
SCOPE = Scope("local", "simulator")


def staged_run(
    ledger: Ledger, *, batches: Sequence[int], run_id: str = RUN, scope: Scope = SCOPE, code: str | None = None
) -> None:
    """A run whose batches have so many events, each of one row."""
    new = NewRun(run_id, "o", scope.target, "manual", "d", scope.api_url, code, datetime.now(UTC))
    ledger.runs.start(new, holder=HOLDER, host="here")
    records = [
        BatchRecord(number, Route("offline", "1"), "events.arrow", number, events=events, rows=events)
        for number, events in enumerate(batches)
    ]
    ledger.runs.staged(run_id, StagedRows(sum(batches), {}, {}, {}, records))


def key(number: int) -> bytes:
    """The key of an event."""
    return number.to_bytes(16, "little")


def keys(numbers: Sequence[int], *, days: float = 28) -> BatchKeys:
    """The keys of a batch, to be kept for so many days."""
    return BatchKeys(b"".join(map(key, numbers)), b"", datetime.now(UTC) + timedelta(days=days))
