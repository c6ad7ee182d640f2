"""Export of the rejected and skipped rows of a run, so that you can fix them."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.hashed_rows import EXCLUDED_ROW
from connector.core.outcomes import Reason, RowWarning, Skip
from connector.errors import ConfigurationError, UsageError
from connector.ledger.excluded_rows import read_excluded_rows
from connector.ledger.project_ledger import find_run, ledger_of
from connector.ledger.run_records import RunRecord
from connector.privacy.access import check_access
from connector.staging.shared_stage import excluded_folder

Rows = Iterable[pa.RecordBatch]


def write_rejects(
    project: Project, run_id: str, sink: IO[bytes], *, reason: str | None, format_: str
) -> tuple[RunRecord, int]:
    """Write excluded rows of a run (schema EXCLUDED_ROW) as csv, parquet or json; return the run and their number.

    Without a reason, write the rejected rows. A reason may also be a skip.
    Raises UsageError for an unknown run or reason, AccessRefused.
    """
    record, excluded = read_rejects(project, run_id, reason)
    batches = _CountedBatches(excluded)
    EXPORT_FORMATS[format_](batches, sink)
    return record, batches.rows


def read_rejects(
    project: Project, run_id: str, reason: str | None = None
) -> tuple[RunRecord, Iterator[pa.RecordBatch]]:
    """Return a run, and its rejected rows or those excluded for one reason, in the schema EXCLUDED_ROW.

    Raises as `write_rejects`.
    """
    check_reason(reason)
    record = find_run(project, run_id)
    _record_access(project, record)
    return record, excluded_rows(project, record, reason)


def excluded_rows(project: Project, record: RunRecord, reason: str | None) -> Iterator[pa.RecordBatch]:
    """Yield the rejected rows of a run, or those excluded for one reason, without asking who may see them."""
    outcome = None if reason else "rejected"
    with excluded_folder(project, record) as folder:
        yield from read_excluded_rows(folder, reason=reason, outcome=outcome)


def _record_access(project: Project, record: RunRecord) -> None:
    """Check access under the run's target, or under the current one if the file no longer has it, and record it."""
    with suppress(ConfigurationError):
        project = project.under(record.target)
    grant = check_access(project, "rejects", record.orchestration, record.run_id)
    with ledger_of(project) as ledger:
        grant.record(ledger)


class _CountedBatches:
    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self.rows = batches, 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def _write_csv(rows: Rows, sink: IO[bytes]) -> None:
    with pyarrow.csv.CSVWriter(sink, EXCLUDED_ROW) as writer:
        for batch in rows:
            writer.write_batch(batch)


def _write_parquet(rows: Rows, sink: IO[bytes]) -> None:
    with pq.ParquetWriter(sink, EXCLUDED_ROW, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(batch)


def _write_json(rows: Rows, sink: IO[bytes]) -> None:
    sink.write(b"[")
    separator = b"\n"
    for batch in rows:
        for row in batch.to_pylist():
            row["columns"] = json.loads(row["columns"]) if row["columns"] else {}
            sink.write(separator + json.dumps(row, ensure_ascii=False).encode())
            separator = b",\n"
    sink.write(b"\n]\n")


EXPORT_FORMATS: dict[str, Callable[[Rows, IO[bytes]], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "json": _write_json,
}


def check_reason(reason: str | None) -> None:
    """Raise UsageError if there is no such reason to exclude a row."""
    reasons = [*Reason, *Skip]
    if reason not in reasons and reason in list(RowWarning):
        raise UsageError(
            f'"{reason}" is a warning: rows with it were sent, unless they were rejected for a reason. '
            f"The reasons are {', '.join(reasons)}."
        )
    if reason is not None and reason not in reasons:
        raise UsageError(
            f'There is no reason "{reason}".{did_you_mean(reason, reasons)} The reasons are {", ".join(reasons)}.'
        )
