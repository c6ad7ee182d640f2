"""Read records of runs from the rows of the ledger."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, String, cast, func, select

from connector.core.outcomes import RunStatus
from connector.core.route import Action
from connector.ledger.run_records import MemberCounts, RowCounts, RunRecord
from connector.ledger.tables import batches, leases
from connector.ledger.timeline import open_seconds

_RUNS_AT_ONCE = 1_000
_SUMS = [f"{outcome}{noun}" for outcome in ("", "delivered_", "refused_", "skipped_") for noun in ("events", "rows")]


def read_runs(connection: Connection, rows: Sequence[Row[Any]]) -> list[RunRecord]:
    """Return the records of these rows of the table of runs, with the sums of their batches."""
    records: list[RunRecord] = []
    for start in range(0, len(rows), _RUNS_AT_ONCE):
        chunk = rows[start : start + _RUNS_AT_ONCE]
        sums = _sums(connection, [run.run_id for run in chunk])
        leased = leased_counts(connection, chunk)
        records += [
            _record(
                run,
                leased.get(run.run_id, NOTHING_LEASED),
                sums.get(run.run_id, dict.fromkeys(_SUMS, 0)),
                _members(connection, run),
                open_seconds(connection, run.run_id) if run.status == RunStatus.RUNNING else 0.0,
            )
            for run in chunk
        ]
    return records


@dataclass(frozen=True, slots=True)
class LeasedCounts:
    """The counts of a run that are on its leases."""

    requests_sent: int = 0
    """Requests that were sent."""
    requests_retried: int = 0
    """Requests that repeated an earlier one."""
    rejects: Counter[str] = field(default_factory=Counter)
    """Rejected rows by reason."""
    skips: Counter[str] = field(default_factory=Counter)
    """Skipped rows by reason."""


NOTHING_LEASED = LeasedCounts()


def leased_counts(connection: Connection, rows: Iterable[Any]) -> dict[str, LeasedCounts]:
    """Return the counts that are on leases, by run. Only runs with an engine have any; others need no statement."""
    run_ids = [run.run_id for run in rows if run.engine is not None]
    if not run_ids:
        return {}
    sums = select(leases.c.run_id, func.sum(leases.c.requests_sent), func.sum(leases.c.requests_retried))
    of_runs = leases.c.run_id.in_(run_ids)
    counts = {
        run_id: LeasedCounts(int(sent), int(retried))
        for run_id, sent, retried in connection.execute(sums.where(of_runs).group_by(leases.c.run_id))
    }
    has_rows = (cast(leases.c.rejects, String) != "{}") | (cast(leases.c.skips, String) != "{}")
    by_reason = select(leases.c.run_id, leases.c.rejects, leases.c.skips).where(of_runs, has_rows)
    for run_id, rejects, skips in connection.execute(by_reason):
        counts[run_id].rejects.update(rejects)
        counts[run_id].skips.update(skips)
    return counts


def _sums(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the sums of the batches of each run that has any."""
    totals = select(batches.c.run_id, *(func.coalesce(func.sum(batches.c[name]), 0) for name in _SUMS))
    rows = connection.execute(totals.where(batches.c.run_id.in_(run_ids)).group_by(batches.c.run_id))
    return {run_id: dict(zip(_SUMS, map(int, values), strict=True)) for run_id, *values in rows}


def _members(connection: Connection, run: Row[Any]) -> MemberCounts | None:
    if run.unchanged_members is None:
        return None
    query = select(batches.c.action, func.sum(batches.c.delivered_members)).where(batches.c.run_id == run.run_id)
    counts = Counter({action: int(count) for action, count in connection.execute(query.group_by(batches.c.action))})
    return MemberCounts(counts[Action.ADD], counts[Action.DELETE], run.unchanged_members, counts[Action.RESEND])


def _record(
    run: Row[Any], leased: LeasedCounts, sums: Mapping[str, int], members: MemberCounts | None, running: float
) -> RunRecord:
    rejects, skips = added(run.rejects, leased.rejects), added(run.skips, leased.skips)
    settled = sums["delivered_rows"] + sums["refused_rows"] + sums["skipped_rows"]
    return RunRecord(
        run_id=run.run_id,
        orchestration=run.orchestration,
        target=run.target,
        workflow=run.workflow,
        status=RunStatus(run.status),
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=round((run.seconds or 0.0) + running, 3),
        rows=RowCounts(
            read=run.rows_read,
            delivered=sums["delivered_rows"],
            rejected=sum(rejects.values()),
            skipped=sum(skips.values()),
            pending=sums["rows"] - settled,
        ),
        events_built=sums["events"],
        events_delivered=sums["delivered_events"],
        events_refused=sums["refused_events"],
        requests_sent=run.requests_sent + leased.requests_sent,
        requests_retried=run.requests_retried + leased.requests_retried,
        rejects=rejects,
        skips=skips,
        warnings=run.warnings,
        identical_value=run.identical_value or {},
        error=run.error,
        api_url=run.api_url,
        test_event_code=run.test_event_code,
        staged=run.staged,
        resumable=run.resumable,
        row_limit=run.row_limit,
        retry_of=run.retry_of,
        retry_reason=run.retry_reason,
        fingerprint=run.fingerprint,
        host=run.host,
        query_id=run.query_id,
        destination=run.destination,
        members=members,
        cursor=run.cursor,
        engine=run.engine,
        stage=run.stage,
    )


def added(counts: dict[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return counts by name with others added, in the order of the first ones."""
    return {name: counts.get(name, 0) + more.get(name, 0) for name in {**counts, **more}} if more else counts
