"""What would be sent, looked at before it is."""

import json
from typing import Any

from connector.config.project import Project
from connector.hashed import HashedRows
from connector.pipeline.audience_job import is_audience
from connector.pipeline.audience_look import preview_audience
from connector.pipeline.files import refuse_wrong
from connector.pipeline.looks import Preview
from connector.pipeline.prepare import UNKNOWN_EVENT_SET, job_now
from connector.pipeline.result import open_result
from connector.transform.grouping import payloads


def preview_orchestration(project: Project, name: str, rows: int) -> Preview:
    """The first `rows` events, and as many left-out rows, of the first slice of the result."""
    if is_audience(project, name):
        return preview_audience(project, name, rows)
    job = job_now(project, name)
    with open_result(job, project.directory, limit=job.orchestration.limit) as result:
        first = next(iter(result.rows), None)
        if result.reading:
            refuse_wrong(result.reading)
    if first is None:
        return Preview(name, project.target, 0, [], [])
    left_out = [{**row, "columns": json.loads(row["columns"])} for row in first.left_out.slice(0, rows).to_pylist()]
    for row in left_out:
        del row["code"], row["message"]
    bodies = _bodies(first, rows, job.orchestration.test_event_code)
    return Preview(name, project.target, first.read, bodies, left_out)


def _bodies(first: HashedRows, rows: int, test_event_code: str | None) -> list[dict[str, Any]]:
    bodies = []
    for events in first.events:
        data = [json.loads(text) for text in payloads(events.table.slice(0, rows)).to_pylist()]
        rows -= len(data)
        if data:
            known = events.route.event_source_id != UNKNOWN_EVENT_SET
            route = {
                "event_source": events.route.event_source,
                "event_source_id": events.route.event_source_id if known else "that of the event set, not known yet",
            }
            test = {"test_event_code": test_event_code} if test_event_code else {}
            bodies.append({**route, **test, "data": data})
    return bodies
