"""The table of runs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, delete, func, insert, literal, select, update

from connector.core.outcomes import RunStatus, Skip
from connector.core.secret_registry import without_secrets
from connector.errors import ConnectorError
from connector.ledger.batch_records import BatchRecord
from connector.ledger.database import Database, as_text
from connector.ledger.locks import check_holder, revoke_leases
from connector.ledger.run_reader import NOTHING_LEASED, delivered_value, final_totals, leased_counts, read_runs
from connector.ledger.run_records import NewRun, RunRecord, RunSize, Scope, StagedRows
from connector.ledger.tables import batches, parts, progress, run_reports, runs
from connector.ledger.timeline import PLAN_MATCHED, PLANNED, add_moment, open_seconds

_BATCHES_AT_ONCE = 1_000
COMPLETED = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS)


class Runs:
    """The table of runs. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run: NewRun, *, holder: str, host: str, is_planned: bool = False) -> None:
        """Add a run that the process with this lock works on; `is_planned` if it is held to a plan."""
        with self._database.writing() as connection:
            values = {**asdict(run), "started_at": as_text(run.started_at), "status": RunStatus.RUNNING}
            connection.execute(insert(runs).values(**values, holder=holder, host=host))
            add_moment(connection, run.run_id, "started")
            if is_planned:
                add_moment(connection, run.run_id, PLANNED)

    def asked(self, run_id: str, query_id: str | None) -> None:
        """Record that the warehouse accepted the run's query, and the id of the query in its own history, if any."""
        with self._database.writing() as connection:
            add_moment(connection, run_id, "asked")
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(query_id=query_id))

    def refuse_other(self, run_id: str, holder: str) -> None:
        """Raise LockedError if another process than the one with this lock works on a run."""
        with self._database.reading() as connection:
            check_holder(connection, run_id, holder)

    def changed(self, run_id: str, fingerprint: str) -> None:
        """Record that a run of which nothing was staged is read again after its orchestration has changed."""
        with self._database.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(fingerprint=fingerprint))

    def plan_matched(self, run_id: str) -> None:
        """Record that the counts of a run are those of the plan that it is held to."""
        with self._database.writing() as connection:
            add_moment(connection, run_id, PLAN_MATCHED)

    def staged(self, run_id: str, rows: StagedRows, *, holder: str) -> None:
        """Record that all rows are staged: from now on the run can be resumed without the warehouse.

        The outcomes of batches that were sent before are recorded already and stay. Raises LockedError if another
        process has taken the run over.
        """
        counts = {
            "rows_read": rows.read,
            "unchanged_members": rows.unchanged_members,
            "warnings": rows.warnings,
            "identical_value": rows.identical_value or None,
            **({"cursor": rows.cursor} if rows.cursor else {}),
        }
        with self._database.writing() as connection:
            check_holder(connection, run_id, holder, changing=True)
            for number in (parts.c.batch, batches.c.number):
                table = number.table
                connection.execute(delete(table).where(table.c.run_id == run_id, number >= rows.recorded_batches))
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(staged=True, **counts))
            for kind, rows_by_reason in (("rejects", rows.rejects), ("skips", rows.skips)):
                add_to_counts(connection, run_id, kind, rows_by_reason)
            add_moment(connection, run_id, "staged")
            _add_batches(connection, run_id, rows.batches)

    def batches_staged(self, run_id: str, records: Sequence[BatchRecord], *, holder: str) -> None:
        """Record batches that can be sent while rows are still being read. Raises as `staged` does."""
        rows = runs.c.rows_read + sum(record.rows for record in records)
        with self._database.writing() as connection:
            check_holder(connection, run_id, holder, changing=True)
            _add_batches(connection, run_id, records)
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(rows_read=rows))

    def resume(self, run_id: str, *, holder: str, host: str) -> None:
        """Record that this process resumes a run; the answers to requests that were being sent are lost.

        Senders of an engine that still hold a lease lose it, since this process may skip some of their events. The
        time that a killed process worked on the run, without recording an end, is added to its seconds.
        """
        with self._database.writing() as connection:
            values = {
                "status": RunStatus.RUNNING,
                "finished_at": None,
                "error": None,
                "halt": None,
                "totals": None,
                "stop_requested_at": None,
                "holder": holder,
                "host": host,
                "seconds": func.coalesce(runs.c.seconds, 0.0) + open_seconds(connection, run_id),
            }
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(values))
            connection.execute(delete(run_reports).where(run_reports.c.run_id == run_id))
            add_moment(connection, run_id, "resumed")
            sending = (batches.c.run_id == run_id) & (batches.c.state == "sending")
            revoke_leases(connection, runs.c.run_id == run_id)
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
        """Record the end of a run, final or until it is resumed, and add `seconds` to its duration.

        Without `seconds`, add the time during which a process showed that it worked on the run. With `holder`, raise
        LockedError if another process has taken the run over.
        """
        with self._database.reading() as connection:
            value, newest = delivered_value(connection, run_id)
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder, changing=True)
            seconds = open_seconds(connection, run_id) if seconds is None else seconds
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(
                    status=status,
                    finished_at=as_text(datetime.now(UTC)),
                    seconds=func.coalesce(runs.c.seconds, 0.0) + seconds,
                    error=without_secrets(error) if error else error,
                    resumable=resumable,
                    totals=final_totals(connection, run_id, value, newest),
                )
            )
            connection.execute(delete(progress).where(progress.c.run_id == run_id))
            add_moment(connection, run_id, status)

    def record_progress(self, run_id: str, counts: Mapping[str, Any] | None) -> bool:
        """Store how far a run in progress is, and return whether somebody asked it to stop.

        `counts` are the columns of `progress`; None: they have not changed.
        """
        the_run = {"the_run": run_id}
        if counts is None:
            with self._database.reading() as connection:
                return connection.execute(_is_stop_requested(), the_run).scalar() is not None
        values = {"at": as_text(datetime.now(UTC)), **counts}
        with self._database.writing_one_row() as connection:
            if stored := connection.execute(_update_progress(), {**the_run, **values}).one_or_none():
                return stored[0] is not None
            row = {"run_id": run_id, **values}
            columns = [literal(value, progress.c[name].type) for name, value in row.items()]
            in_progress = select(*columns).where(runs.c.run_id == run_id, runs.c.status == RunStatus.RUNNING)
            connection.execute(insert(progress).from_select(list(row), in_progress))
            return connection.execute(_is_stop_requested(), the_run).scalar() is not None

    def request_stop(self, run_id: str) -> None:
        """Ask a run in progress to stop; it looks every second. A run that is not in progress is not changed."""
        asked = update(runs).where(runs.c.run_id == run_id, runs.c.status == RunStatus.RUNNING)
        with self._database.writing() as connection:
            connection.execute(asked.values(stop_requested_at=as_text(datetime.now(UTC))))

    def store_report(self, run_id: str, report: Mapping[str, Any]) -> None:
        """Store the report of a run that has ended, in place of an earlier one; of a run in progress, store none."""
        with self._database.writing() as connection:
            connection.execute(delete(run_reports).where(run_reports.c.run_id == run_id))
            values = (literal(run_id, run_reports.c.run_id.type), literal(report, run_reports.c.report.type))
            has_ended = select(*values).where(runs.c.run_id == run_id, runs.c.status != RunStatus.RUNNING)
            connection.execute(insert(run_reports).from_select(["run_id", "report"], has_ended))

    def give_up(self, run_id: str) -> None:
        """Mark a run as not resumable; its pending rows stay pending."""
        with self._database.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(resumable=False))

    def find(self, run_id: str) -> RunRecord | None:
        """Return the run with this id, if there is one."""
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
            return read_runs(connection, [row])[0] if row else None

    def named(self, text: str) -> list[RunRecord]:
        """Return the run with this id, else at most three whose ids begin with a text that is not empty."""
        if exact := self.find(text):
            return [exact]
        is_prefix = runs.c.run_id.startswith(text, autoescape=True)
        return self._records(select(runs).where(is_prefix).order_by(runs.c.run_id).limit(3)) if text else []

    def several(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """Return the runs with these ids, oldest first; at most some thousands."""
        return self._records(select(runs).where(runs.c.run_id.in_(run_ids)).order_by(runs.c.started_at, runs.c.run_id))

    def get(self, run_id: str) -> RunRecord:
        """Return the run with this id. Raises ConnectorError if there is none."""
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
        """Return the last runs, latest first; optionally of an orchestration, with some statuses, started `since`."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
        if orchestration:
            query = query.where(runs.c.orchestration == orchestration)
        if statuses:
            query = query.where(runs.c.status.in_(statuses))
        if since is not None:
            query = query.where(runs.c.started_at >= as_text(since))
        return self._records(query)

    def sizes_until(self, run: RunRecord, limit: int) -> list[RunSize]:
        """Return the sizes of this run and of earlier runs of its orchestration and target, latest first.

        Of the earlier runs, only those count that completed and read the whole result.
        """
        same = (runs.c.orchestration == run.orchestration) & (runs.c.target == run.target)
        whole = runs.c.retry_of.is_(None) & runs.c.row_limit.is_(None) & runs.c.status.in_(COMPLETED)
        query = (
            select(runs.c.run_id, runs.c.rows_read, runs.c.seconds, runs.c.rejects, runs.c.engine)
            .where(same, runs.c.started_at <= run.started_at, whole | (runs.c.run_id == run.run_id))
            .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            leased = leased_counts(connection, rows)
        return [
            RunSize(row.run_id, row.rows_read, row.seconds or 0.0, sum(row.rejects.values()) + more.rejects.total())
            for row in rows
            for more in [leased.get(row.run_id, NOTHING_LEASED)]
        ]

    def unfinished(self, orchestration: str | None = None, scope: Scope | None = None) -> list[RunRecord]:
        """Return the runs that can be resumed, or may still be running, oldest first."""
        ended = runs.c.status.in_(COMPLETED)
        query = select(runs).where(~ended, runs.c.resumable).order_by(runs.c.started_at, runs.c.run_id)
        if orchestration is not None:
            query = query.where(runs.c.orchestration == orchestration)
        if scope is not None:
            query = query.where(runs.c.target == scope.target, runs.c.api_url == scope.api_url)
        return self._records(query)

    def ended_before(self, moment: datetime) -> list[str]:
        """Return the ids of runs that ended before a time and cannot be resumed."""
        ended = runs.c.status.in_(COMPLETED) | ~runs.c.resumable
        query = select(runs.c.run_id).where(ended, runs.c.finished_at < as_text(moment))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def with_stage(self) -> list[RunRecord]:
        """Return the runs of which the stage lies in a shared folder that was not deleted, oldest first."""
        return self._records(select(runs).where(runs.c.stage.is_not(None)).order_by(runs.c.started_at, runs.c.run_id))

    def stage_removed(self, run_id: str) -> None:
        """Record that the shared folder of a run was deleted."""
        with self._database.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(stage=None))

    def last_success(self, orchestration: str, scope: Scope) -> datetime | None:
        """Return the start of the last completed run; retries, test runs and runs with a row limit do not count."""
        query = (
            select(func.max(runs.c.started_at))
            .where(runs.c.orchestration == orchestration, runs.c.target == scope.target)
            .where(runs.c.api_url == scope.api_url, runs.c.retry_of.is_(None))
            .where(runs.c.row_limit.is_(None), runs.c.test_event_code.is_(None))
            .where(runs.c.status.in_(COMPLETED))
        )
        with self._database.reading() as connection:
            started_at = connection.execute(query).scalar_one()
        return datetime.fromisoformat(started_at) if started_at else None

    def last_cursors(self, orchestration: str, scope: Scope, limit: int = 100) -> Iterator[Mapping[str, Any]]:
        """Yield the ranges that completed runs have read incrementally, or in full to read incrementally later.

        Latest first; at most `limit`. Retries, test runs, runs with a row limit, and runs that left out events whose
        answer was lost do not count: rows of theirs may not have been delivered.
        """
        query = (
            select(runs.c.cursor, runs.c.skips)
            .where(runs.c.orchestration == orchestration, runs.c.target == scope.target)
            .where(runs.c.api_url == scope.api_url, runs.c.retry_of.is_(None))
            .where(runs.c.row_limit.is_(None), runs.c.test_event_code.is_(None))
            .where(runs.c.status.in_(COMPLETED), runs.c.cursor.is_not(None))
            .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        yield from (row.cursor for row in found if not row.skips.get(Skip.ANSWER_LOST))

    def _records(self, query: Any) -> list[RunRecord]:
        with self._database.reading() as connection:
            return read_runs(connection, connection.execute(query).all())


@cache
def _is_stop_requested() -> Select[Any]:
    """Return the statement for when a run was asked to stop. It is built once, as it runs every second."""
    return select(runs.c.stop_requested_at).where(runs.c.run_id == bindparam("the_run", type_=String))


@cache
def _update_progress() -> Any:
    """Return the statement that replaces the progress of a run, and returns what `_is_stop_requested` does."""
    names = [name for name in progress.c.keys() if name != "run_id"]  # noqa: SIM118 - not a dictionary
    values = {name: bindparam(name, type_=progress.c[name].type) for name in names}
    stored = update(progress).where(progress.c.run_id == bindparam("the_run", type_=String)).values(values)
    return stored.returning(_is_stop_requested().scalar_subquery())


def add_to_counts(connection: Connection, run_id: str, kind: str, counts: Mapping[str, int]) -> None:
    """Add rows to a run's `rejects` or `skips`, in the transaction that records the rows."""
    column = runs.c[kind]
    # Others may lock the row because theirs refer to it; with `key_share` neither waits for the other.
    locked = select(column).where(runs.c.run_id == run_id).with_for_update(key_share=True)
    before = connection.execute(locked).scalar_one()
    total = {name: before.get(name, 0) + counts.get(name, 0) for name in {**before, **counts}}
    connection.execute(update(runs).where(runs.c.run_id == run_id).values({kind: total}))


def _add_batches(connection: Connection, run_id: str, records: Sequence[BatchRecord]) -> None:
    for start in range(0, len(records), _BATCHES_AT_ONCE):
        values = [_batch_values(run_id, record) for record in records[start : start + _BATCHES_AT_ONCE]]
        connection.execute(insert(batches), values)


def _batch_values(run_id: str, batch: BatchRecord) -> dict[str, object]:
    return {
        "run_id": run_id,
        "number": batch.number,
        "resource_type": batch.route.resource_type,
        "resource_id": batch.route.resource_id,
        "action": batch.route.operation.action,
        "id_types": batch.route.operation.id_types or None,
        "file": batch.file,
        "place": batch.position,
        "events": batch.events,
        "rows": batch.rows,
        "members": batch.members,
        "state": "pending",
    }
