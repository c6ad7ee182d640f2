"""Runs in a ledger, for tests of the ledger alone."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from connector.core.route import Route
from connector.ledger.batch_records import BatchKeys, BatchRecord, BatchSlice, RequestRecord
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import NewRun, Scope, StagedRows
from connector.ledger.tables import locks

RUN = "20260101T000000-abcdef"
HOLDER = "holder"
SCOPE = Scope("local", "simulator")


def started_run(
    ledger: Ledger,
    run_id: str = RUN,
    *,
    orchestration: str = "o",
    scope: Scope = SCOPE,
    code: str | None = None,
    started_at: datetime | None = None,
    **further: Any,
) -> None:
    """A run that has begun."""
    moment = started_at or datetime.now(UTC)
    new = NewRun(run_id, orchestration, scope.target, "manual", "d", scope.api_url, code, moment, **further)
    ledger.runs.start(new, holder=HOLDER, host="here")


def staged_run(
    ledger: Ledger, *, batches: Sequence[int], run_id: str = RUN, scope: Scope = SCOPE, code: str | None = None
) -> None:
    """A run whose batches have so many events, each of one row."""
    started_run(ledger, run_id, scope=scope, code=code)
    ledger.runs.staged(run_id, staged_rows(batches), holder=HOLDER)


def staged_rows(batches: Sequence[int]) -> StagedRows:
    """Batches of so many events, each of one row."""
    records = [
        BatchRecord(number, Route("offline", "1"), "events.arrow", number, events=events, rows=events)
        for number, events in enumerate(batches)
    ]
    return StagedRows(sum(batches), {}, {}, {}, records)


def delivered(number: int, first: int, events: int, *, whole: bool = False) -> BatchSlice:
    """A stretch that was taken."""
    return BatchSlice(number, first, events, events, "delivered", whole=whole)


def refused(number: int, first: int) -> BatchSlice:
    """An event that was refused."""
    return BatchSlice(number, first, 1, 1, "refused", "refused_by_tiktok", 40002, "Invalid value.")


def skipped(number: int, first: int, events: int) -> BatchSlice:
    """A stretch that another run had delivered."""
    return BatchSlice(number, first, events, events, "skipped", "already_delivered")


def request(batch: int, *, attempt: int = 1, first: int = 0, events: int = 1) -> RequestRecord:
    """A request that was accepted."""
    return RequestRecord(batch, first, events, attempt, "accepted", 200, 0, "OK", f"R{batch}", 0.25)


def key(number: int) -> bytes:
    """The key of an event."""
    return number.to_bytes(16, "little")


def numbers(keys: bytes) -> list[int]:
    """The numbers of keys that `key` made."""
    return [int.from_bytes(keys[start : start + 16], "little") for start in range(0, len(keys), 16)]


def keys(of: Iterable[int], *, days: float = 28) -> BatchKeys:
    """The keys of a batch, to be kept for so many days."""
    return BatchKeys(b"".join(map(key, of)), b"", datetime.now(UTC) + timedelta(days=days))


def writing(ledger: Ledger) -> AbstractContextManager[Connection]:
    """A transaction of the test's own, for what only time could bring about."""
    return ledger.database.writing()


def set_back(ledger: Ledger, seconds: float) -> None:
    """The last sign of life is older by so much."""
    with writing(ledger) as connection:
        connection.execute(update(locks).values(alive_at=locks.c.alive_at - seconds))
