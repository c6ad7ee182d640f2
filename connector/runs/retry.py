"""Send rejected rows of a run again after their cause was fixed."""

import threading

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.outcomes import Reason, RunStatus
from connector.errors import UsageError
from connector.ledger.project_ledger import find_run
from connector.ledger.run_records import RunRecord
from connector.observer import Observer
from connector.privacy.access import check_access
from connector.runs.engine import RunOptions, open_engine
from connector.runs.extract import Run, select_rejected
from connector.runs.job import current_job
from connector.runs.resume import same_destination
from connector.runs.run_context import run_context


def retry_run(
    project: Project, run_id: str, reason: str | None, observer: Observer, stop: threading.Event
) -> RunRecord:
    """Read the rejected rows of a run again, and send those that pass now, as another run.

    Raises UsageError if there is nothing to retry or the run is not finished, AccessRefused, and as a run does.
    """
    _check_reason(reason)
    record = find_run(project, run_id)
    run_id = record.run_id
    _check_finished(record)
    project = project.under(record.target)
    grant = check_access(project, "retry", record.orchestration)
    destination = same_destination(project, record)
    if not destination.capabilities.deduplication:
        raise UsageError(
            f"An audience is not retried: `connector run {record.orchestration}` compares it with its query again."
        )
    with run_context(project, record.orchestration, observer, stop) as context:
        selection = select_rejected(context, run_id, reason)
        job = current_job(context.project, record.orchestration, context.ledger, of_run=record)
        line = grant.record(context.ledger)
        code, limit = record.test_event_code, record.row_limit
        with open_engine(context, destination, RunOptions(), resuming=True) as engine:
            new = engine.create(job, test_event_code=code, limit=limit, retry_of=run_id, retry_reason=reason)
            context.ledger.audit.set_run(line, new)
            return engine.execute(new, lambda: Run(new, job, code, limit, selection=selection))


def _check_finished(record: RunRecord) -> None:
    was_rejected = record.status is RunStatus.FAILED and not record.resumable and bool(record.rows.read)
    if record.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return
    if was_rejected and record.rows.rejected == record.rows.read:
        return
    if record.resumable:
        advice = f"`connector resume {record.run_id}` comes first"
    else:
        advice = f"`connector run {record.orchestration}` reads everything again"
    raise UsageError(f"Run {record.run_id} ({record.status}) was not finished: {advice}.")


def _check_reason(reason: str | None) -> None:
    if reason is not None and reason not in list(Reason):
        reasons = ", ".join(Reason)
        raise UsageError(f'There is no reason "{reason}".{did_you_mean(reason, list(Reason))} There is {reasons}.')
