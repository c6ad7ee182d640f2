"""Read records of runs from the rows of the ledger."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, String, cast, func, select

from connector.core.outcomes import RunStatus
from connector.core.route import Action
from connector.ledger.run_records import DeliveryTotals, MemberCounts, RowCounts, RunRecord
from connector.ledger.tables import batches, leases, parts, runs
from connector.ledger.timeline import open_seconds

_RUNS_AT_ONCE = 1_000
_SUMS = ("rows", "delivered_rows", "refused_rows", "skipped_rows", "events", "delivered_events", "refused_events")
_MILLION = 1_000_000
"""The metrics of batches count values in millionths."""


def read_runs(connection: Connection, rows: Sequence[Row[Any]]) -> list[RunRecord]:
    """Return the records of these rows of the table of runs, with the sums of their batches."""
    records: list[RunRecord] = []
    for start in range(0, len(rows), _RUNS_AT_ONCE):
        chunk = rows[start : start + _RUNS_AT_ONCE]
        leased = leased_counts(connection, chunk)
        totals = sum_batches(connection, chunk, leased)
        records += [
            _record(
                run,
                leased.get(run.run_id, NOTHING_LEASED),
                totals[run.run_id],
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


def final_totals(connection: Connection, run_id: str, value: Mapping[str, str], newest: int | None) -> dict[str, Any]:
    """Return the totals of a run that ends, as the ledger stores them; `newest` is in Unix seconds."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one()
    sums = sum_batches(connection, [row], leased_counts(connection, [row]))[run_id]
    newest_event = None if newest is None else datetime.fromtimestamp(newest, UTC)
    return replace(sums, value=value, newest_event=newest_event).as_json()


def delivered_value(connection: Connection, run_id: str) -> tuple[dict[str, str], int | None]:
    """Return the value of a run's delivered events by currency, and the time of the latest in Unix seconds."""
    sums, newest = Counter[str](), list[int]()
    for table in (batches, parts):
        query = select(table.c.figures).where(table.c.run_id == run_id, table.c.figures.is_not(None))
        for metrics in connection.execution_options(yield_per=1_000).execute(query).scalars():
            newest += [metrics["newest"]] if "newest" in metrics else []
            for currency, _, _, value in metrics["values"]:
                if value is not None:
                    sums[currency] += value
    return {currency: _decimal(value) for currency, value in sorted(sums.items())}, max(newest, default=None)


def sum_batches(
    connection: Connection, rows: Sequence[Any], leased: Mapping[str, LeasedCounts]
) -> dict[str, DeliveryTotals]:
    """Return the totals of runs from their batches, given their rows and what `leased_counts` gives for them."""
    query = select(batches.c.run_id, batches.c.action, *(func.sum(batches.c[name]).label(name) for name in _SUMS))
    query = query.add_columns(func.sum(batches.c.delivered_members).label("members"))
    of_runs = batches.c.run_id.in_([run.run_id for run in rows])
    by_run: dict[str, list[Any]] = {}
    for sums in connection.execute(query.where(of_runs).group_by(batches.c.run_id, batches.c.action)):
        by_run.setdefault(sums.run_id, []).append(sums)
    return {
        run.run_id: _totals(run, by_run.get(run.run_id, []), leased.get(run.run_id, NOTHING_LEASED)) for run in rows
    }


def _totals(run: Any, by_action: Iterable[Any], leased: LeasedCounts) -> DeliveryTotals:
    sums, members = Counter[str](), Counter[str]()
    for group in by_action:
        sums.update({name: int(getattr(group, name)) for name in _SUMS})
        members[group.action] += int(group.members)
    rejects, skips = added(run.rejects, leased.rejects), added(run.skips, leased.skips)
    settled = sums["delivered_rows"] + sums["refused_rows"] + sums["skipped_rows"]
    counts = (sums["delivered_rows"], sum(rejects.values()), sum(skips.values()), sums["rows"] - settled)
    unchanged = run.unchanged_members
    return DeliveryTotals(
        RowCounts(run.rows_read, *counts),
        sums["events"],
        sums["delivered_events"],
        sums["refused_events"],
        None
        if unchanged is None
        else MemberCounts(members[Action.ADD], members[Action.DELETE], unchanged, members[Action.RESEND]),
    )


def _record(run: Row[Any], leased: LeasedCounts, totals: DeliveryTotals, running: float) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        orchestration=run.orchestration,
        target=run.target,
        workflow=run.workflow,
        status=RunStatus(run.status),
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=round((run.seconds or 0.0) + running, 3),
        rows=totals.rows,
        events_built=totals.events_built,
        events_delivered=totals.events_delivered,
        events_refused=totals.events_refused,
        requests_sent=run.requests_sent + leased.requests_sent,
        requests_retried=run.requests_retried + leased.requests_retried,
        rejects=added(run.rejects, leased.rejects),
        skips=added(run.skips, leased.skips),
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
        members=totals.members,
        cursor=run.cursor,
        engine=run.engine,
        stage=run.stage,
    )


def added(counts: dict[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return counts by name with others added, in the order of the first ones."""
    return {name: counts.get(name, 0) + more.get(name, 0) for name in {**counts, **more}} if more else counts


def _decimal(millionths: int) -> str:
    """Write an amount as a plain decimal number without trailing zeros. No amount is negative."""
    whole, rest = divmod(millionths, _MILLION)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")
