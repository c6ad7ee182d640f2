"""Reading and writing the ledger."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, create_engine, event, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from connector.errors import ConnectorError
from connector.ledger.records import BatchRecord, NewRun, OpenBatch, RequestRecord, RowCounts, RunRecord
from connector.ledger.tables import SCHEMA_VERSION, batches, metadata, parts, requests, runs, schema_version
from connector.outcomes import RunStatus
from connector.route import Route

_BATCHES_AT_ONCE = 1_000


class Ledger:
    """Every method is one transaction, and safe to call from several threads."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._lock = RLock()

    def start_run(self, run: NewRun) -> None:
        """A run begins."""
        with self._writing() as connection:
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
                    started_at=_text(run.started_at),
                )
            )

    def staged(
        self,
        run_id: str,
        *,
        read: int,
        rejects: Mapping[str, int],
        skips: Mapping[str, int],
        warnings: Mapping[str, int],
        staged: Sequence[BatchRecord],
    ) -> None:
        """All rows have been read and staged: from here on the run can be resumed without the warehouse."""
        with self._writing() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(staged=True, rows_read=read, rejects=rejects, skips=skips, warnings=warnings)
            )
            for start in range(0, len(staged), _BATCHES_AT_ONCE):
                connection.execute(
                    insert(batches),
                    [_batch_values(run_id, one) for one in staged[start : start + _BATCHES_AT_ONCE]],
                )

    def batch_state(self, run_id: str, number: int, state: str) -> None:
        """A batch is now in another state. One of which an answer was lost stays `unknown` until it is settled."""
        with self._writing() as connection:
            connection.execute(_the_batch(run_id, number).where(batches.c.state != "unknown").values(state=state))

    def batch_result(
        self,
        run_id: str,
        number: int,
        state: str,
        *,
        refused: bool,
        events: int,
        rows: int,
        first_event: int | None,
        request: RequestRecord | None,
    ) -> None:
        """So many events, and rows, of a batch were delivered, or refused, by the answer to `request` (None: known).

        `first_event` is where a part of the batch begins, None for the whole. The batch's state becomes `state`
        once that is known of its last event; it may come in parts.
        """
        kind = "refused" if refused else "delivered"
        of_events, of_rows = batches.c[f"{kind}_events"], batches.c[f"{kind}_rows"]
        settled = batches.c.delivered_events + batches.c.refused_events + events
        final = case((batches.c.delivered_events > 0, "delivered"), else_=state)
        state_now = case((settled >= batches.c.events, final), else_=batches.c.state)
        with self._writing() as connection:
            if request:
                _add_request(connection, run_id, request)
            if first_event is not None:
                part = {"run_id": run_id, "batch": number, "first_event": first_event, "events": events}
                connection.execute(insert(parts).values(part))
            connection.execute(
                _the_batch(run_id, number).values(
                    {"state": state_now, of_events: of_events + events, of_rows: of_rows + rows}
                )
            )

    def request(self, run_id: str, record: RequestRecord) -> None:
        """A request was made and answered, or is known to stay without an answer."""
        with self._writing() as connection:
            _add_request(connection, run_id, record)

    def open_batches(self, run_id: str) -> list[OpenBatch]:
        """The batches of a staged run that are not settled in full, in order."""
        unsettled = batches.c.delivered_events + batches.c.refused_events < batches.c.events
        query = select(batches).where(batches.c.run_id == run_id, unsettled).order_by(batches.c.number)
        settled: dict[int, list[tuple[int, int]]] = {}
        with self._engine.connect() as connection:
            for part in connection.execute(select(parts).where(parts.c.run_id == run_id)):
                settled.setdefault(part.batch, []).append((part.first_event, part.events))
            return [_open_batch(row, settled.get(row.number, [])) for row in connection.execute(query)]

    def resume_run(self, run_id: str) -> None:
        """A run goes on; the answers to what it was sending when it ended are lost."""
        with self._writing() as connection:
            sending = (batches.c.run_id == run_id) & (batches.c.state == "sending")
            connection.execute(update(batches).where(sending).values(state="unknown"))
            again = {"status": RunStatus.RUNNING, "finished_at": None, "error": None}
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(again))

    def finish_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        seconds: float | None = None,
        error: str | None = None,
        resumable: bool = True,
    ) -> None:
        """The run has ended, for good or until it is resumed; `seconds` are added to those it has taken before."""
        with self._writing() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(
                    status=status,
                    finished_at=_text(datetime.now(UTC)),
                    seconds=func.round(func.coalesce(runs.c.seconds, 0.0) + (seconds or 0.0), 3),
                    error=error,
                    resumable=resumable,
                )
            )

    def count_left_out(self, run_id: str, *, rejects: Mapping[str, int]) -> None:
        """Adds to a run's rejected rows."""
        with self._writing() as connection:
            known = connection.execute(select(runs.c.rejects).where(runs.c.run_id == run_id)).scalar_one()
            total = {name: known.get(name, 0) + rejects.get(name, 0) for name in {**known, **rejects}}
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(rejects=total))

    def run(self, run_id: str) -> RunRecord | None:
        """The run with this id, if there is one."""
        with self._engine.connect() as connection:
            found = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
            return _record(connection, found) if found else None

    def latest_runs(self, limit: int = 20, orchestration: str | None = None) -> list[RunRecord]:
        """The last runs, latest first."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
        if orchestration:
            query = query.where(runs.c.orchestration == orchestration)
        with self._engine.connect() as connection:
            return [_record(connection, row) for row in connection.execute(query).all()]

    def last_success(self, orchestration: str, target: str, api_url: str) -> datetime | None:
        """When the last run that reached its end began, for this orchestration, target and service."""
        query = (
            select(func.max(runs.c.started_at))
            .where(runs.c.orchestration == orchestration, runs.c.target == target, runs.c.api_url == api_url)
            .where(runs.c.status.in_([RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS]))
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one()
        return datetime.fromisoformat(found) if found else None

    def requests_of(self, run_id: str) -> list[RequestRecord]:
        """Every request of a run, in the order of the answers."""
        names = RequestRecord.__slots__
        query = select(*(requests.c[name] for name in names)).where(requests.c.run_id == run_id).order_by(requests.c.id)
        with self._engine.connect() as connection:
            return [RequestRecord(*row) for row in connection.execute(query)]

    def close(self) -> None:
        """Ends all connections."""
        self._engine.dispose()

    def _writing(self) -> "_Writing":
        return _Writing(self._engine, self._lock)


class _Writing:
    """One writer at a time within the process: SQLite would make the others fail or wait."""

    def __init__(self, engine: Engine, lock: Any) -> None:
        self._engine, self._lock = engine, lock

    def __enter__(self) -> Connection:
        self._lock.acquire()
        self._transaction = self._engine.begin()
        return self._transaction.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._transaction.__exit__(kind, error, trace)
        finally:
            self._lock.release()


def open_ledger(url: str) -> Ledger:
    """The ledger at a SQLAlchemy URL, made where there is none. Raises ConnectorError."""
    try:
        return Ledger(url)
    except SQLAlchemyError as error:
        raise ConnectorError(f"The ledger could not be opened: {str(error).splitlines()[0]}") from None


def _engine(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    metadata.create_all(engine)
    with engine.begin() as connection:
        if connection.execute(select(schema_version.c.version)).one_or_none() is None:
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _add_request(connection: Connection, run_id: str, record: RequestRecord) -> None:
    values = {name: getattr(record, name) for name in RequestRecord.__slots__}
    connection.execute(insert(requests).values(run_id=run_id, answered_at=_text(datetime.now(UTC)), **values))
    connection.execute(
        update(runs)
        .where(runs.c.run_id == run_id)
        .values(
            requests_sent=runs.c.requests_sent + 1,
            requests_retried=runs.c.requests_retried + int(record.attempt > 1),
        )
    )


def _open_batch(row: Row[Any], settled: list[tuple[int, int]]) -> OpenBatch:
    route = Route(row.event_source, row.event_source_id)
    record = BatchRecord(row.number, route, row.file, row.place, row.events, row.rows)
    return OpenBatch(record, tuple(settled), uncertain=row.state in {"sending", "unknown"})


def _the_batch(run_id: str, number: int) -> Any:
    return update(batches).where(batches.c.run_id == run_id, batches.c.number == number)


def _batch_values(run_id: str, one: BatchRecord) -> dict[str, object]:
    return {
        "run_id": run_id,
        "number": one.number,
        "event_source": one.route.event_source,
        "event_source_id": one.route.event_source_id,
        "file": one.file,
        "place": one.place,
        "events": one.events,
        "rows": one.rows,
        "state": "pending",
    }


def _record(connection: Connection, run: Row[Any]) -> RunRecord:
    sums = [batches.c[name] for name in ("events", "rows")]
    done = [batches.c[f"{kind}_{what}"] for kind in ("delivered", "refused") for what in ("events", "rows")]
    totals = select(*(func.coalesce(func.sum(column), 0) for column in (*sums, *done))).where(
        batches.c.run_id == run.run_id
    )
    events, rows, delivered, delivered_rows, refused, refused_rows = connection.execute(totals).one()
    return RunRecord(
        run_id=run.run_id,
        orchestration=run.orchestration,
        target=run.target,
        workflow=run.workflow,
        status=RunStatus(run.status),
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=run.seconds or 0.0,
        rows=RowCounts(
            read=run.rows_read,
            delivered=delivered_rows,
            rejected=sum(run.rejects.values()),
            skipped=sum(run.skips.values()),
            pending=rows - delivered_rows - refused_rows,
        ),
        events_built=events,
        events_delivered=delivered,
        events_refused=refused,
        requests_sent=run.requests_sent,
        requests_retried=run.requests_retried,
        rejects=run.rejects,
        skips=run.skips,
        warnings=run.warnings,
        error=run.error,
        api_url=run.api_url,
        test_event_code=run.test_event_code,
        staged=run.staged,
        resumable=run.resumable,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
