"""What a run would do, counted by doing all of it but the sending."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from connector.config.project import Project
from connector.errors import TooManyRejects
from connector.ledger.records import Scope
from connector.pipeline.anew import refuse_too_many_rejects
from connector.pipeline.execution import known_keys
from connector.pipeline.files import files_before, refuse_wrong, rejected_lines
from connector.pipeline.history import ledger_of
from connector.pipeline.prepare import job_now
from connector.pipeline.result import OpenResult, open_result
from connector.pipeline.staging import stage
from connector.pipeline.suppressed import forgotten_by


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of rows, events and requests; `minutes` is what the rate limit alone costs, `notes` are about files."""

    orchestration: str
    destination: str
    target: str
    limit: int | None
    test_event_code: str | None
    read: int
    to_send: int
    events: int
    requests: int
    rejects: dict[str, int]
    skips: dict[str, int]
    warnings: dict[str, int]
    minutes: float
    too_many_rejects: str | None
    notes: list[str]

    def as_json(self) -> dict[str, object]:
        """The object that `connector plan --json` prints."""
        return {
            "orchestration": self.orchestration,
            "destination": self.destination,
            "target": self.target,
            "limit": self.limit,
            "test_event_code": self.test_event_code,
            "rows": {
                "read": self.read,
                "to_send": self.to_send,
                "rejected": sum(self.rejects.values()),
                "skipped": sum(self.skips.values()),
            },
            "events": self.events,
            "requests": self.requests,
            "rejects": self.rejects,
            "skips": self.skips,
            "warnings": self.warnings,
            "minutes": self.minutes,
            "too_many_rejects": self.too_many_rejects,
            "notes": self.notes,
        }


def plan_orchestration(project: Project, name: str) -> Plan:
    """Stages the result in a folder that is gone afterwards, and counts."""
    job = job_now(project, name)
    code, scope = job.orchestration.test_event_code, Scope(project.target, job.destination.api_url)
    project.state_directory.mkdir(exist_ok=True)
    with (
        ledger_of(project) as ledger,
        tempfile.TemporaryDirectory(prefix="plan-", dir=project.state_directory) as folder,
        open_result(
            job,
            project.directory,
            limit=job.orchestration.limit,
            test_event_code=code,
            before=files_before(ledger, job, project.target, code),
        ) as result,
    ):
        known = known_keys(ledger, scope, job.destination, test_event_code=code)
        staged = stage(
            result.rows,
            Path(folder) / "stage",
            line_items=job.rules.line_items,
            known=known,
            forgotten=forgotten_by(ledger),
        )
        notes = _notes(result)
    try:
        refuse_too_many_rejects(job, staged)
        too_many = None
    except TooManyRejects as error:
        too_many = error.message
    requests = len(staged.batches)
    return Plan(
        orchestration=name,
        destination=job.destination.name,
        target=project.target,
        limit=job.orchestration.limit,
        test_event_code=code,
        read=staged.read,
        to_send=sum(batch.rows for batch in staged.batches),
        events=sum(batch.events for batch in staged.batches),
        requests=requests,
        rejects=dict(staged.rejects),
        skips=dict(staged.skips),
        warnings=dict(staged.warnings),
        minutes=round(requests / job.destination.requests_per_second / 60, 4),
        too_many_rejects=too_many,
        notes=notes,
    )


def _notes(result: OpenResult) -> list[str]:
    if result.reading is None:
        return []
    refuse_wrong(result.reading)
    return [*result.reading.notes, *rejected_lines(result.reading)]
