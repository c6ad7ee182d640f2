"""Show what would be sent before it is."""

import json
from typing import Any

import pyarrow as pa

from connector.config.project import Project
from connector.ledger.project_ledger import ledger_of
from connector.pipeline.looks import Preview
from connector.runs.access import check_access
from connector.runs.extract import cautions
from connector.runs.files import refuse_wrong
from connector.runs.job import Job, current_job
from connector.runs.result import OpenResult, open_result
from connector.runs.row_limits import failure_of_slice
from connector.staging.event_metrics import plain_texts


def preview_orchestration(project: Project, name: str, rows: int) -> Preview:
    """Return the first `rows` events, and as many excluded rows, of the first slice. Raises AccessRefused."""
    allowed = check_access(project, "preview", name)
    job = current_job(project, name)
    limit, code = job.orchestration.limit, job.orchestration.test_event_code
    with open_result(job, project.directory, limit=limit, test_event_code=code) as result:
        slices = iter(result.rows)
        first = next(slices, None)
        is_whole = next(slices, None) is None
        first = job.destination.judge(first, result.compiler) if first else None
        would_fail = failure_of_slice(job.orchestration, first, is_whole=is_whole)
        notes = _notes(project, job, result)
    with ledger_of(project) as ledger:
        allowed.written(ledger)
        if first is None:
            return Preview(name, project.target, 0, [], [], would_fail, notes, is_whole=limit is None)
        shown = job.destination.preview(ledger, project, first, result.compiler, rows, code)
    return Preview(
        name,
        project.target,
        first.read,
        shown.bodies,
        _excluded(shown.left_out),
        would_fail,
        notes,
        warnings=first.warnings,
        identical_value=plain_texts(first.identical_value),
        is_whole=is_whole and limit is None,
    )


def _notes(project: Project, job: Job, result: OpenResult) -> tuple[str, ...]:
    notes = cautions(project, job, result.schema)
    if result.reading:
        refuse_wrong(result.reading)
        notes += result.reading.notes
    return tuple(notes)


def _excluded(rows: pa.Table) -> list[dict[str, Any]]:
    kept = rows.select(["row", "outcome", "reason", "columns"]).to_pylist()
    return [{**row, "columns": json.loads(row["columns"])} for row in kept]
