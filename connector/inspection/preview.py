"""Previews: the first requests of a run, and the first rows that it would exclude."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from connector.config.project import Project
from connector.ledger.project_ledger import ledger_of
from connector.privacy.access import check_access
from connector.runs.extract import setting_notes
from connector.runs.files import refuse_faulty_files
from connector.runs.job import Job, current_job
from connector.runs.result import OpenResult, open_result
from connector.runs.row_limits import failure_of_slice
from connector.staging.event_metrics import plain_texts


@dataclass(frozen=True, slots=True)
class Preview:
    """Request bodies and excluded rows of the first slice of a result."""

    orchestration: str
    target: str
    read: int
    """The number of rows read."""
    bodies: list[dict[str, Any]]
    """Request bodies with the first events."""
    excluded: list[dict[str, Any]]
    """The first excluded rows."""
    would_fail: str | None = None
    """The error with which a run would send nothing, as far as the rows read show it."""
    notes: tuple[str, ...] = ()
    warnings: Mapping[str, int] = field(default_factory=dict)
    """The number of rows with each warning, among all rows read."""
    identical_value: Mapping[str, str] = field(default_factory=dict)
    """The value that rows counted as `identical_rows` add to events: a decimal number by currency."""
    is_whole: bool = False
    """True if the rows read are the whole result."""

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector preview --json` prints."""
        return {
            "orchestration": self.orchestration,
            "target": self.target,
            "rows_read": self.read,
            "requests": self.bodies,
            "left_out": self.excluded,
            "warnings": self.warnings,
            **({"identical_value": self.identical_value} if self.identical_value else {}),
            "would_fail": self.would_fail,
            "notes": list(self.notes),
        }


def preview_orchestration(project: Project, name: str, rows: int) -> Preview:
    """Return the first `rows` events, and as many excluded rows, of the first slice. Raises AccessRefused."""
    grant = check_access(project, "preview", name)
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
        grant.record(ledger)
        if first is None:
            return Preview(name, project.target, 0, [], [], would_fail, notes, is_whole=limit is None)
        preview = job.destination.preview(ledger, project, first, result.compiler, rows, code)
    return Preview(
        name,
        project.target,
        first.read,
        preview.bodies,
        _excluded(preview.excluded),
        would_fail,
        notes,
        warnings=first.warnings,
        identical_value=plain_texts(first.identical_value),
        is_whole=is_whole and limit is None,
    )


def _notes(project: Project, job: Job, result: OpenResult) -> tuple[str, ...]:
    notes = setting_notes(project, job, result.schema)
    if result.reading:
        refuse_faulty_files(result.reading)
        notes += result.reading.notes
    return tuple(notes)


def _excluded(rows: pa.Table) -> list[dict[str, Any]]:
    excluded = rows.select(["row", "outcome", "reason", "columns"]).to_pylist()
    return [{**row, "columns": json.loads(row["columns"])} for row in excluded]
