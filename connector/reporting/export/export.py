"""Export of runs for dashboards: to Parquet files, or to tables of a warehouse."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.config.project import Project
from connector.config.warehouse import Warehouse
from connector.core.hashed_rows import MATCHED_BY
from connector.core.outcomes import REFUSALS
from connector.core.route import Action, Operation
from connector.destinations.base import NamesOperations
from connector.destinations.registry import implementations
from connector.errors import SourceError, UsageError
from connector.ledger.excluded_rows import excluded_rows_of_runs, readable_folders, without_members
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of, run_directory
from connector.ledger.run_records import RunRecord
from connector.reporting.export.file_sinks import DuckDBSink, ParquetSink, table_files
from connector.reporting.export.sink import Sink, TableRows
from connector.reporting.export.table_schemas import SYNC_BATCHES, SYNC_CHANGELOG, SYNC_REQUESTS, SYNC_RUNS, SYNC_VALUES
from connector.reporting.run_details import PERSONAL
from connector.sources.driver_errors import error_text, secrets_of
from connector.sources.registry import check_driver
from connector.sources.sqlalchemy_engine import warehouse_url
from connector.staging.event_metrics import EventMetrics, sum_metrics
from connector.staging.shared_stage import excluded_folder

if TYPE_CHECKING:
    from sqlalchemy import URL, RowMapping

_RUNS_AT_ONCE = 2_000
_POSTGRESQL = {"postgresql", "postgres"}


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The number of exported runs, and of rows by table."""

    runs: int
    rows: Mapping[str, int]


def files_for(project: Project, output: Path) -> dict[str, Path]:
    """Return a file for every table in the folder `output`, which is created; for FILE.parquet, that file for the runs.

    Raises UsageError if `output` is another file, cannot be created, or belongs to the project.
    """
    if output.suffix == ".parquet":
        return {"sync_runs": output}
    if output.exists() and not output.is_dir():
        raise UsageError(f'"{output}" is a file: name a folder, or a file that ends with .parquet.')
    if project.owns(output):
        raise UsageError(f'"{output}" belongs to the project: name a folder that it does not use.')
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f'The folder "{output}" cannot be created: {error.strerror}. Name another one.') from None
    return table_files(output)


def export_to_files(project: Project, files: Mapping[str, Path], *, since: datetime | None = None) -> ExportResult:
    """Export the tables to Parquet files, by name. Raises OSError if the disk fails."""
    with closing(ParquetSink(files)) as sink:
        return _export(project, sink, since)


def export_to_warehouse(project: Project, name: str, schema: str, *, since: datetime | None = None) -> ExportResult:
    """Export the tables to a schema of a warehouse, replacing the rows that are already there of a run.

    Raises ConfigurationError for an unknown warehouse, UsageError for one that cannot be written to, SourceError if
    the database fails.
    """
    warehouse = project.warehouse(name)
    check_driver(warehouse)
    # Which errors are raised depends on the driver; their text may quote the password.
    try:
        with closing(_open_sink(warehouse, project.directory, schema)) as sink:
            return _export(project, sink, since)
    except _database_errors() as error:
        words = error_text(getattr(error, "orig", None) or error, secrets_of(warehouse))
        raise SourceError(f'The tables could not be written to the warehouse "{name}": {words}') from None


def _database_errors() -> tuple[type[Exception], ...]:
    import duckdb
    from sqlalchemy.exc import SQLAlchemyError

    return (duckdb.Error, SQLAlchemyError)


def _open_sink(warehouse: Warehouse, directory: Path, schema: str) -> Sink:
    if warehouse.dialect == "duckdb":
        return DuckDBSink(_file(warehouse, directory), schema)
    from connector.reporting.export.database_sink import DatabaseSink

    return DatabaseSink(_writing_url(warehouse, directory, schema), warehouse.options, schema)


def _file(warehouse: Warehouse, directory: Path) -> Path:
    path = warehouse.url.get_secret_value().partition("://")[2].removeprefix("/")
    return _existing_file(warehouse, directory, path)


def _existing_file(warehouse: Warehouse, directory: Path, path: str) -> Path:
    """Return the path of the database file; refuse to create one, as it would lack the tables that queries read."""
    if path in {"", ":memory:"} or not (directory / path).is_file():
        raise UsageError(f'The warehouse "{warehouse.name}" has no file "{path}" to write to: create it first.')
    return directory / path


def _writing_url(warehouse: Warehouse, directory: Path, schema: str) -> "URL":
    url = warehouse_url(warehouse)
    if url.get_backend_name() == "sqlite":
        if schema != "main":
            raise UsageError(f'SQLite has no schema "{schema}": its one schema is called main.')
        return url.set(database=str(_existing_file(warehouse, directory, url.database or "")))
    return url.set(drivername="postgresql+psycopg") if url.drivername in _POSTGRESQL else url


def _export(project: Project, sink: Sink, since: datetime | None) -> ExportResult:
    total = Counter[str]()
    with ledger_of(project) as ledger:
        run_ids = ledger.pages.run_ids(since)
        for start in range(0, len(run_ids), _RUNS_AT_ONCE):
            records = ledger.runs.several(run_ids[start : start + _RUNS_AT_ONCE])
            with ExitStack() as stack:
                folders = _folders(project, records, stack)
                total.update(sink.write(_parts(ledger, records, folders)))
        sink.finish()
    return ExportResult(len(run_ids), total)


def _folders(project: Project, records: Sequence[RunRecord], stack: ExitStack) -> dict[str, Path]:
    """Return the folders with the excluded rows of runs, as far as there are some. Raises ConnectorError.

    Copies of those that lie in a shared stage are deleted when the stack is closed.
    """
    folders = {record.run_id: run_directory(project, record.run_id) for record in records if record.stage is None}
    shared = [record for record in records if record.stage is not None]
    return {run_id: folder for run_id, folder in folders.items() if folder.exists()} | {
        record.run_id: stack.enter_context(excluded_folder(project, record)) for record in shared
    }


def _parts(ledger: Ledger, records: Sequence[RunRecord], folders: Mapping[str, Path]) -> dict[str, TableRows]:
    """Return the rows of some runs for each table.

    There are no rejected rows of a run whose folder is deleted or has a damaged file; those exported earlier stay.
    """
    run_ids = [record.run_id for record in records]
    by_id = {record.run_id: record for record in records}
    metrics = _metrics(ledger, run_ids)
    readable = readable_folders(folders)
    return {
        "sync_runs": TableRows(run_ids, _runs(records, metrics)),
        "sync_batches": TableRows(run_ids, _batches(ledger, by_id)),
        "sync_requests": TableRows(run_ids, _requests(ledger, by_id)),
        "sync_values": TableRows(run_ids, _values(records, metrics)),
        "sync_changelog": TableRows(list(readable), _changelog(by_id, readable)),
    }


def _metrics(ledger: Ledger, run_ids: Sequence[str]) -> dict[str, EventMetrics | None]:
    parts: dict[str, list[Mapping[str, Any]]] = {run_id: [] for run_id in run_ids}
    for run_id, one in ledger.pages.metrics(run_ids):
        parts[run_id].append(one)
    return {run_id: sum_metrics(metrics) for run_id, metrics in parts.items()}


def _runs(records: Sequence[RunRecord], metrics: Mapping[str, EventMetrics | None]) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([_run(record, metrics[record.run_id]) for record in records], SYNC_RUNS)


def _run(record: RunRecord, metrics: EventMetrics | None) -> dict[str, Any]:
    rows = record.rows
    refused = sum(record.rejects.get(reason, 0) for reason in REFUSALS)
    return {
        **_of(record),
        "destination": record.destination,
        "target": record.target,
        "workflow": record.workflow,
        "status": record.status.value,
        "error": record.error,
        "started_at": _moment(record.started_at),
        "finished_at": _moment(record.finished_at),
        "elapsed_seconds": record.seconds,
        "num_rows_read": rows.read,
        "num_planned_add": rows.read - rows.skipped,
        "num_attempted_add": rows.delivered + refused,
        "num_succeeded_add": rows.delivered,
        "num_failed_add": rows.rejected,
        "num_skipped": rows.skipped,
        "num_pending": rows.pending,
        "num_events_delivered": record.events_delivered,
        "num_requests": record.requests_sent,
        "num_requests_retried": record.requests_retried,
        **{f"num_with_{name}": metrics.matched[name] if metrics else None for name in MATCHED_BY},
        "retry_of": record.retry_of,
        "query_id": record.query_id,
        "test_event_code": record.test_event_code,
    }


def _batches(ledger: Ledger, records: Mapping[str, RunRecord]) -> Iterator[pa.RecordBatch]:
    for page in ledger.pages.batches(list(records)):
        yield pa.RecordBatch.from_pylist([_batch(records[row["run_id"]], row) for row in page], SYNC_BATCHES)


def _batch(record: RunRecord, row: "RowMapping") -> dict[str, Any]:
    return {
        **_of(record),
        "batch_id": row["number"],
        "event_source": _event_source(row),
        "event_source_id": row["resource_id"],
        "status": row["state"],
        "batch_started_at": _moment(row["sent_at"]),
        "batch_completed_at": _moment(row["settled_at"]),
        "num_events": row["events"],
        "num_planned_add": row["rows"],
        "num_succeeded_add": row["delivered_rows"],
        "num_failed_add": row["refused_rows"],
        "num_skipped": row["skipped_rows"],
    }


def _event_source(row: "RowMapping") -> str:
    """Return the kind of event source; for what is not sent as events, the platform's words for the operation."""
    if row["action"] == Action.SEND:
        return str(row["resource_type"])
    return _operation_name(Operation(Action(row["action"]), tuple(row["id_types"])))


@cache
def _operation_name(operation: Operation) -> str:
    named = (one.operation_name(operation) for one in implementations() if isinstance(one, NamesOperations))
    return next(filter(None, named), f"{operation.action} {','.join(operation.id_types)}".rstrip())


def _requests(ledger: Ledger, records: Mapping[str, RunRecord]) -> Iterator[pa.RecordBatch]:
    numbers = Counter[str]()
    for page in ledger.pages.requests(list(records)):
        rows = []
        for row in page:
            numbers[row["run_id"]] += 1
            rows.append(_request(records[row["run_id"]], row, numbers[row["run_id"]]))
        yield pa.RecordBatch.from_pylist(rows, SYNC_REQUESTS)


def _request(record: RunRecord, row: "RowMapping", number: int) -> dict[str, Any]:
    return {
        **_of(record),
        "request_number": number,
        "batch_id": row["batch"],
        "first_event": row["first_event"],
        "num_events": row["events"],
        "attempt": row["attempt"],
        "status": row["verdict"],
        "http_status": row["http_status"],
        "error_code": row["code"],
        "status_message": row["message"],
        "request_id": row["request_id"],
        "completed_at": _moment(row["answered_at"]),
        "elapsed_seconds": row["seconds"],
    }


def _changelog(records: Mapping[str, RunRecord], folders: Mapping[str, Path]) -> Iterator[pa.RecordBatch]:
    run_ids = pa.array(list(records))
    orchestrations = pa.array([record.orchestration for record in records.values()])
    for names, batch in excluded_rows_of_runs(folders, "rejected"):
        columns = {
            "sync_run_id": names,
            "sync_id": orchestrations.take(pc.index_in(names, run_ids)),
            "op_type": pa.repeat("add", batch.num_rows),
            "row_id": batch["row"],
            "status": batch["outcome"],
            "failure_reason": batch["reason"],
            "error_code": batch["code"].cast(pa.int64()),
            "status_message": batch["message"],
            "fields": without_members(batch["columns"], sorted(PERSONAL)),
        }
        yield pa.RecordBatch.from_arrays([columns[name] for name in SYNC_CHANGELOG.names], schema=SYNC_CHANGELOG)


def _values(records: Sequence[RunRecord], by_run: Mapping[str, EventMetrics | None]) -> Iterator[pa.RecordBatch]:
    rows = [
        {**_of(record), "currency": day.currency, "day": day.day, "num_events": day.events, "value": day.value}
        for record in records
        if (metrics := by_run[record.run_id])
        for day in metrics.values
    ]
    yield pa.RecordBatch.from_pylist(rows, SYNC_VALUES)


def _of(record: RunRecord) -> dict[str, Any]:
    return {"sync_run_id": record.run_id, "sync_id": record.orchestration}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
