"""What a run would do, counted by doing all of it but the sending."""

import tempfile
from pathlib import Path

from connector.config.project import Project
from connector.destinations.tiktok.audience.job import is_audience
from connector.destinations.tiktok.audience.look import plan_audience
from connector.disk import make_private_folder
from connector.errors import TooManyRejects
from connector.ledger.project_ledger import ledger_of
from connector.ledger.records import Scope
from connector.pipeline.looks import Plan
from connector.runs.cautions import cautions
from connector.runs.context import known_keys
from connector.runs.extract import has_input
from connector.runs.files import files_before, refuse_wrong, rejected_lines
from connector.runs.job import job_and_changes
from connector.runs.phone_regions import region_questions
from connector.runs.result import OpenResult, open_result
from connector.runs.row_limits import failure_of, min_rows_note
from connector.staging.event_metrics import plain_texts
from connector.staging.skip_suppressed import forgotten_by
from connector.staging.stage import stage


def plan_orchestration(project: Project, name: str) -> Plan:
    """Stages the result in a folder that is gone afterwards, and counts."""
    if is_audience(project, name):
        return plan_audience(project, name)
    job, changes = job_and_changes(project, name)
    code, scope = job.orchestration.test_event_code, Scope(project.target, job.destination.api_url)
    make_private_folder(project.state_directory)
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
            result.compiled.rules,
            known=known,
            forgotten=forgotten_by(ledger),
        )
        questions = region_questions(staged.phones, job.destination)
        notes = [*cautions(project, job, result.schema), *_notes(result), *questions]
        failure = failure_of(job.orchestration, staged, has_input=has_input(result, staged))
    if note := min_rows_note(job.orchestration, job.orchestration.limit):
        notes.append(note)
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
        identical_value=plain_texts(staged.identical_value),
        minutes=round(requests / job.destination.requests_per_second / 60, 4),
        too_many_rejects=failure.message if isinstance(failure, TooManyRejects) else None,
        would_fail=failure.message if failure else None,
        notes=notes,
        changes=changes,
    )


def _notes(result: OpenResult) -> list[str]:
    if result.reading is None:
        return []
    refuse_wrong(result.reading)
    return [*result.reading.notes, *rejected_lines(result.reading)]
