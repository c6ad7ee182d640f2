"""What would be sent, looked at before it is."""

import json
from typing import Any

import pyarrow as pa

from connector.config.project import Project
from connector.destinations.tiktok.audience.job import is_audience
from connector.destinations.tiktok.audience.look import preview_audience
from connector.hashed import HashedEvents, HashedRows
from connector.ledger.project_ledger import ledger_of
from connector.outcomes import Skip
from connector.pipeline.looks import Preview
from connector.runs.access import check_access
from connector.runs.cautions import cautions
from connector.runs.files import refuse_wrong
from connector.runs.job import UNKNOWN_EVENT_SET, job_now
from connector.runs.result import open_result
from connector.runs.row_limits import failure_of_slice
from connector.staging.event_metrics import plain_texts
from connector.staging.skip_suppressed import forgotten_by
from connector.transform.changes import judged_as_whole
from connector.transform.events import left_out_rows
from connector.transform.forgotten import Forgotten
from connector.transform.grouping import payloads


def preview_orchestration(project: Project, name: str, rows: int) -> Preview:
    """The first `rows` events, and as many left-out rows, of the first slice of the result. Raises AccessRefused."""
    allowed = check_access(project, "preview", name)
    if is_audience(project, name):
        return preview_audience(project, name, rows, allowed)
    job = job_now(project, name)
    with ledger_of(project) as ledger:
        allowed.written(ledger)
        forgotten = forgotten_by(ledger)
    limit, code = job.orchestration.limit, job.orchestration.test_event_code
    with open_result(job, project.directory, limit=limit, test_event_code=code) as result:
        slices = iter(result.rows)
        first = next(slices, None)
        is_whole = next(slices, None) is None
        first = judged_as_whole(first, result.compiled.rules) if first else None
        would_fail = failure_of_slice(job.orchestration, first, is_whole=is_whole)
        notes = tuple(cautions(project, job, result.schema))
        if result.reading:
            refuse_wrong(result.reading)
            notes += tuple(result.reading.notes)
    if first is None:
        return Preview(name, project.target, 0, [], [], would_fail, notes, is_whole=limit is None)
    events, suppressed = _without(first, forgotten)
    kept = forgotten.without(pa.concat_tables([first.left_out, *suppressed]).sort_by("row").slice(0, rows))
    left_out = [{**row, "columns": json.loads(row["columns"])} for row in kept.to_pylist()]
    for row in left_out:
        del row["code"], row["message"]
    bodies = _bodies(events, rows, code)
    return Preview(
        name,
        project.target,
        first.read,
        bodies,
        left_out,
        would_fail,
        notes,
        warnings=first.warnings,
        identical_value=plain_texts(first.identical_value),
        is_whole=is_whole and limit is None,
    )


def _without(first: HashedRows, forgotten: Forgotten) -> tuple[list[HashedEvents], list[pa.Table]]:
    """The events that would be sent, and the rows of those that would not, being about people to be forgotten."""
    kept, left_out = [], []
    for events in first.events:
        about = forgotten.among(events.table)
        kept.append(HashedEvents(events.route, events.table.filter(pa.array(~about))))
        left_out.append(left_out_rows(events.table.filter(pa.array(about)), outcome="skipped", reason=Skip.SUPPRESSED))
    return kept, left_out


def _bodies(first: list[HashedEvents], rows: int, test_event_code: str | None) -> list[dict[str, Any]]:
    bodies = []
    for events in first:
        data = [json.loads(text) for text in payloads(events.table.slice(0, rows)).to_pylist()]
        rows -= len(data)
        if data:
            known = events.route.resource_id != UNKNOWN_EVENT_SET
            route = {
                "event_source": events.route.resource_type,
                "event_source_id": events.route.resource_id if known else "that of the event set, not known yet",
            }
            test = {"test_event_code": test_event_code} if test_event_code else {}
            bodies.append({**route, **test, "data": data})
    return bodies
