"""What would be sent, looked at before it is."""

import json
from dataclasses import dataclass
from typing import Any

from connector.config.project import Project
from connector.hashed import HashedRows
from connector.pipeline.access import check_access
from connector.pipeline.files import refuse_wrong
from connector.pipeline.history import ledger_of
from connector.pipeline.prepare import job_now
from connector.pipeline.result import open_result
from connector.transform.grouping import payloads


@dataclass(frozen=True, slots=True)
class Preview:
    """Request bodies with the first events, and the first rows that are left out, of the rows read."""

    orchestration: str
    target: str
    read: int
    bodies: list[dict[str, Any]]
    left_out: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The object that `connector preview --json` prints."""
        return {
            "orchestration": self.orchestration,
            "target": self.target,
            "rows_read": self.read,
            "requests": self.bodies,
            "left_out": self.left_out,
        }


def preview_orchestration(project: Project, name: str, rows: int) -> Preview:
    """The first `rows` events, and as many left-out rows, of the first slice of the result. Raises AccessRefused."""
    allowed = check_access(project, "preview", name)
    job = job_now(project, name)
    with ledger_of(project) as ledger:
        allowed.written(ledger)
    limit, code = job.orchestration.limit, job.orchestration.test_event_code
    with open_result(job, project.directory, limit=limit, test_event_code=code) as result:
        first = next(iter(result.rows), None)
        if result.reading:
            refuse_wrong(result.reading)
    if first is None:
        return Preview(name, project.target, 0, [], [])
    left_out = [{**row, "columns": json.loads(row["columns"])} for row in first.left_out.slice(0, rows).to_pylist()]
    for row in left_out:
        del row["code"], row["message"]
    bodies = _bodies(first, rows, code)
    return Preview(name, project.target, first.read, bodies, left_out)


def _bodies(first: HashedRows, rows: int, test_event_code: str | None) -> list[dict[str, Any]]:
    bodies = []
    for events in first.events:
        data = [json.loads(text) for text in payloads(events.table.slice(0, rows)).to_pylist()]
        rows -= len(data)
        if data:
            route = {
                "event_source": events.route.event_source,
                "event_source_id": events.route.event_source_id,
            }
            test = {"test_event_code": test_event_code} if test_event_code else {}
            bodies.append({**route, **test, "data": data})
    return bodies
