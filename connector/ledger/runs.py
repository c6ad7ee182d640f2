"""The runs in the ledger."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from connector.core.outcomes import RunStatus
from connector.core.route import Action
from connector.errors import ConnectorError
from connector.ledger.database import Database
from connector.ledger.lease import check_holder
from connector.ledger.records import (
    BatchRecord,
    MemberCounts,
    NewRun,
    RowCounts,
    RunRecord,
    RunSize,
    Scope,
    StagedRows,
)
from connector.ledger.tables import batches, moments, parts, requests, runs

_BATCHES_AT_ONCE = 1_000
REACHED_THEIR_END = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS)


class Runs:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run: NewRun, *, holder: str, host: str) -> None:
        """A run begins, worked on by the process that holds this lock."""
        with self._database.writing() as connection:
            connection.execute(
                insert(runs).values(
                    run_id=run.run_id,
                    orchestration=run.orchestration,
                    target=run.target,
                    workflow=run.workflow,
                    destination=run.destination,
                    api_url=run.api_url,
                    test_event_code=run.test_event_code,
                    status=RunStatus.RUNNING,
                    started_at=as_text(run.started_at),
                    row_limit=run.row_limit,
                    retry_of=run.retry_of,
                    retry_reason=run.retry_reason,
                    fingerprint=run.fingerprint,
                    holder=holder,
                    host=host,
                )
            )
            _happened(connection, run.run_id, "started")

    def asked(self, run_id: str, query_id: str | None) -> None:
        """The warehouse has taken the run's query, and calls it by this id in its own history, if it keeps one."""
        with self._database.writing() as connection:
            _happened(connection, run_id, "asked")
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(query_id=query_id))

    def staged(self, run_id: str, rows: StagedRows, *, holder: str) -> None:
        """All rows have been read and staged: from here on the run can be resumed without the warehouse.

        What became of batches that were sent before is counted already, and stays so. Raises LockedError where another
        process has taken the run over.
        """
        counts = {
            "rows_read": rows.read,
            "unchanged_members": rows.unchanged_members,
            "warnings": rows.warnings,
            "identical_value": rows.identical_value or None,
        }
        with self._database.writing() as connection:
            check_holder(connection, run_id, holder, changing=True)
            for number in (parts.c.batch, batches.c.number):
                table = number.table
                connection.execute(delete(table).where(table.c.run_id == run_id, number >= rows.kept))
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(staged=True, **counts))
            for kind, more in (("rejects", rows.rejects), ("skips", rows.skips)):
                add_to_counts(connection, run_id, kind, more)
            _happened(connection, run_id, "staged")
            _add_batches(connection, run_id, rows.batches)

    def staged_early(self, run_id: str, some: Sequence[BatchRecord], *, holder: str) -> None:
        """These batches may leave, though not all rows have been read yet. Raises as `staged` does."""
        rows = runs.c.rows_read + sum(one.rows for one in some)
        with self._database.writing() as connection:
            check_holder(connection, run_id, holder, changing=True)
            _add_batches(connection, run_id, some)
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(rows_read=rows))

    def resume(self, run_id: str, *, holder: str, host: str) -> None:
        """A run goes on, worked on by another process; the answers to what it was sending when it ended are lost.

        The time that a killed process worked on it, of which it recorded no end, counts among its seconds.
        """
        with self._database.writing() as connection:
            again = {
                "status": RunStatus.RUNNING,
                "finished_at": None,
                "error": None,
                "holder": holder,
                "host": host,
                "seconds": func.coalesce(runs.c.seconds, 0.0) + _open_seconds(connection, run_id),
            }
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(again))
            _happened(connection, run_id, "resumed")
            sending = (batches.c.run_id == run_id) & (batches.c.state == "sending")
            connection.execute(update(batches).where(sending).values(state="unknown"))

    def finish(
        self,
        run_id: str,
        status: RunStatus,
        *,
        seconds: float | None = None,
        error: str | None = None,
        resumable: bool = True,
        holder: str | None = None,
    ) -> None:
        """The run has ended, for good or until it is resumed; `seconds` are added to those it has taken before.

        Without `seconds`, those are added for which a process was seen to work on it.

        With `holder`, LockedError is raised where another process has taken the run over.
        """
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder, changing=True)
            seconds = _open_seconds(connection, run_id) if seconds is None else seconds
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(
                    status=status,
                    finished_at=as_text(datetime.now(UTC)),
                    seconds=func.coalesce(runs.c.seconds, 0.0) + seconds,
                    error=error,
                    resumable=resumable,
                )
            )
            _happened(connection, run_id, status)

    def give_up(self, run_id: str) -> None:
        """A run will not go on; what is pending of it stays pending."""
        with self._database.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(resumable=False))

    def find(self, run_id: str) -> RunRecord | None:
        """The run with this id, if there is one."""
        with self._database.reading() as connection:
            found = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
            return _all_records(connection, [found])[0] if found else None

    def several(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """Return the runs with these ids, oldest first; at most some thousands."""
        return self._records(select(runs).where(runs.c.run_id.in_(run_ids)).order_by(runs.c.started_at, runs.c.run_id))

    def get(self, run_id: str) -> RunRecord:
        """The run with this id. Raises ConnectorError where there is none."""
        record = self.find(run_id)
        if record is None:
            raise ConnectorError(f"Run {run_id} is not in the ledger.")
        return record

    def latest(
        self,
        limit: int = 20,
        orchestration: str | None = None,
        *,
        statuses: Collection[RunStatus] = (),
        since: datetime | None = None,
    ) -> list[RunRecord]:
        """The last runs, latest first; of one orchestration, of some statuses, or begun since a moment, where asked."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
        if orchestration:
            query = query.where(runs.c.orchestration == orchestration)
        if statuses:
            query = query.where(runs.c.status.in_(statuses))
        if since is not None:
            query = query.where(runs.c.started_at >= as_text(since))
        return self._records(query)

    def sizes_until(self, run: RunRecord, limit: int) -> list[RunSize]:
        """The sizes of runs of the same orchestration under the same target, from this one back, latest first.

        Of the earlier ones, only those that reached their end and read the whole result.
        """
        alike = (runs.c.orchestration == run.orchestration) & (runs.c.target == run.target)
        whole = runs.c.retry_of.is_(None) & runs.c.row_limit.is_(None) & runs.c.status.in_(REACHED_THEIR_END)
        query = (
            select(runs.c.run_id, runs.c.rows_read, runs.c.seconds)
            .where(alike, runs.c.started_at <= run.started_at, whole | (runs.c.run_id == run.run_id))
            .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [RunSize(row.run_id, row.rows_read, row.seconds or 0.0) for row in connection.execute(query)]

    def unfinished(self, orchestration: str | None = None, scope: Scope | None = None) -> list[RunRecord]:
        """The runs that can go on, or may still be going on, oldest first."""
        ended = runs.c.status.in_(REACHED_THEIR_END)
        query = select(runs).where(~ended, runs.c.resumable).order_by(runs.c.started_at, runs.c.run_id)
        if orchestration is not None:
            query = query.where(runs.c.orchestration == orchestration)
        if scope is not None:
            query = query.where(runs.c.target == scope.target, runs.c.api_url == scope.api_url)
        return self._records(query)

    def ended_before(self, moment: datetime) -> list[str]:
        """The ids of runs that ended before this moment and will not go on."""
        ended = runs.c.status.in_(REACHED_THEIR_END) | ~runs.c.resumable
        query = select(runs.c.run_id).where(ended, runs.c.finished_at < as_text(moment))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def last_success(self, orchestration: str, scope: Scope) -> datetime | None:
        """When the last run that reached its end began; runs that only tried something, or part of it, do not count."""
        query = (
            select(func.max(runs.c.started_at))
            .where(runs.c.orchestration == orchestration, runs.c.target == scope.target)
            .where(runs.c.api_url == scope.api_url, runs.c.retry_of.is_(None))
            .where(runs.c.row_limit.is_(None), runs.c.test_event_code.is_(None))
            .where(runs.c.status.in_(REACHED_THEIR_END))
        )
        with self._database.reading() as connection:
            found = connection.execute(query).scalar_one()
        return datetime.fromisoformat(found) if found else None

    def _records(self, query: Any) -> list[RunRecord]:
        with self._database.reading() as connection:
            return _all_records(connection, connection.execute(query).all())


def add_to_counts(connection: Connection, run_id: str, kind: str, counts: Mapping[str, int]) -> None:
    """Adds rows to a run's `rejects` or `skips`, within the transaction that says which rows they are."""
    column = runs.c[kind]
    # Others may hold the row as the one that theirs refer to: with `key_share` neither waits for the other.
    locked = select(column).where(runs.c.run_id == run_id).with_for_update(key_share=True)
    known = connection.execute(locked).scalar_one()
    total = {name: known.get(name, 0) + counts.get(name, 0) for name in {**known, **counts}}
    connection.execute(update(runs).where(runs.c.run_id == run_id).values({kind: total}))


def as_text(moment: datetime) -> str:
    """A moment as the ledger keeps it: UTC in ISO 8601, to the millisecond, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _happened(connection: Connection, run_id: str, what: str) -> None:
    values = {"run_id": run_id, "at": as_text(datetime.now(UTC)), "what": what}
    connection.execute(insert(moments).values(values))


_BEGINNINGS = ("started", "resumed")
_ENDS = frozenset(RunStatus) - {RunStatus.WAITING, RunStatus.RUNNING}


def _open_seconds(connection: Connection, run_id: str) -> float:
    """Return the seconds from the start of the process at work on a run to its last sign of life; 0 if it ended."""
    query = select(moments.c.at, moments.c.what).where(moments.c.run_id == run_id).order_by(moments.c.id)
    steps = connection.execute(query).all()
    began = max((place for place, step in enumerate(steps) if step.what in _BEGINNINGS), default=None)
    if began is None or any(step.what in _ENDS for step in steps[began:]):
        return 0.0
    answered = select(func.max(requests.c.answered_at)).where(requests.c.run_id == run_id)
    last = max(steps[-1].at, connection.execute(answered).scalar_one() or "")
    return max(0.0, (datetime.fromisoformat(last) - datetime.fromisoformat(steps[began].at)).total_seconds())


def _add_batches(connection: Connection, run_id: str, some: Sequence[BatchRecord]) -> None:
    for start in range(0, len(some), _BATCHES_AT_ONCE):
        values = [_batch_values(run_id, one) for one in some[start : start + _BATCHES_AT_ONCE]]
        connection.execute(insert(batches), values)


def _batch_values(run_id: str, one: BatchRecord) -> dict[str, object]:
    return {
        "run_id": run_id,
        "number": one.number,
        "resource_type": one.route.resource_type,
        "resource_id": one.route.resource_id,
        "action": one.route.operation.action,
        "id_types": one.route.operation.id_types or None,
        "file": one.file,
        "place": one.place,
        "events": one.events,
        "rows": one.rows,
        "members": one.members,
        "state": "pending",
    }


_SUMS = [f"{kind}{what}" for kind in ("", "delivered_", "refused_", "skipped_") for what in ("events", "rows")]


def _sums(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return what the batches of runs add up to, by run; of a run without batches nothing."""
    totals = select(batches.c.run_id, *(func.coalesce(func.sum(batches.c[name]), 0) for name in _SUMS))
    found = connection.execute(totals.where(batches.c.run_id.in_(run_ids)).group_by(batches.c.run_id))
    return {run_id: dict(zip(_SUMS, map(int, values), strict=True)) for run_id, *values in found}


def _members(connection: Connection, run: Row[Any]) -> MemberCounts | None:
    if run.unchanged_members is None:
        return None
    query = select(batches.c.action, func.sum(batches.c.delivered_members)).where(batches.c.run_id == run.run_id)
    counts = Counter({action: int(count) for action, count in connection.execute(query.group_by(batches.c.action))})
    return MemberCounts(counts[Action.ADD], counts[Action.DELETE], run.unchanged_members, counts[Action.RESEND])


def _all_records(connection: Connection, found: Sequence[Row[Any]]) -> list[RunRecord]:
    records: list[RunRecord] = []
    for start in range(0, len(found), _BATCHES_AT_ONCE):
        some = found[start : start + _BATCHES_AT_ONCE]
        sums = _sums(connection, [run.run_id for run in some])
        records += [
            _record(
                run,
                sums.get(run.run_id, dict.fromkeys(_SUMS, 0)),
                _members(connection, run),
                _open_seconds(connection, run.run_id) if run.status == RunStatus.RUNNING else 0.0,
            )
            for run in some
        ]
    return records


def _record(run: Row[Any], sums: Mapping[str, int], members: MemberCounts | None, open_seconds: float) -> RunRecord:
    settled = sums["delivered_rows"] + sums["refused_rows"] + sums["skipped_rows"]
    return RunRecord(
        run_id=run.run_id,
        orchestration=run.orchestration,
        target=run.target,
        workflow=run.workflow,
        status=RunStatus(run.status),
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=round((run.seconds or 0.0) + open_seconds, 3),
        rows=RowCounts(
            read=run.rows_read,
            delivered=sums["delivered_rows"],
            rejected=sum(run.rejects.values()),
            skipped=sum(run.skips.values()),
            pending=sums["rows"] - settled,
        ),
        events_built=sums["events"],
        events_delivered=sums["delivered_events"],
        events_refused=sums["refused_events"],
        requests_sent=run.requests_sent,
        requests_retried=run.requests_retried,
        rejects=run.rejects,
        skips=run.skips,
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
    )
