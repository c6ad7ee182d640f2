"""Run an orchestration: what `connector run` does."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

from connector.config.project import Project
from connector.errors import UsageError
from connector.ledger.run_records import RunRecord
from connector.observer import Observer, Silent
from connector.privacy.access import check_access
from connector.queries.query_template import RunVariables
from connector.runs.engine import Engine, RunOptions, open_engine, refuse_blank_code
from connector.runs.extract import Run, engine_of
from connector.runs.job import Job, current_job, prepare
from connector.runs.resume import finish_interrupted
from connector.runs.retention import apply_retention
from connector.runs.run_context import run_context


def run_orchestration(
    project: Project,
    name: str,
    options: RunOptions | None = None,
    *,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
    command: str = "run",
) -> RunRecord:
    """Finish interrupted runs of an orchestration, then run it; return the record of the new run.

    Setting `stop` ends it as soon as the requests in flight are answered. `command` is its name in the audit.
    Raises ConfigurationError or AccessRefused before anything is opened, UsageError if a change at the platform is not
    confirmed, LockedError if it is being run, NothingSent because of the rows, ResumableError, Interrupted or
    SourceError; what happened until then is in the ledger.
    """
    options, observer, stop = options or RunOptions(), observer or Silent(), stop or threading.Event()
    refuse_blank_code(options.test_event_code)
    grant = check_access(project, command, name)
    job = prepare(project, name, RunVariables(started_at=datetime.now(UTC)))
    _refuse_test_mode(job, options)
    _refuse_other_definition(job, options, project)
    if options.fresh:
        from connector.runs.fresh import forget_simulator

        forget_simulator(project, job.settings)
    with run_context(project, name, observer, stop) as context:
        line = grant.record(context.ledger)
        with open_engine(context, job.destination, options) as engine:
            finish_interrupted(engine, job)
            record = _run_now(engine, name, line)
            apply_retention(project, context.ledger)
    return record


def _run_now(engine: Engine, name: str, audit_line: int) -> RunRecord:
    context, options = engine.context, engine.options
    job = current_job(context.project, name, context.ledger, full=options.full)
    code = job.orchestration.test_event_code if options.test_event_code is None else options.test_event_code
    limit = options.limit or job.orchestration.limit
    _refuse_other_definition(job, options, context.project)
    if job.cursor is not None:
        context.observer.note(job.cursor.note)
    run_id = engine.create(job, test_event_code=code, limit=limit)
    context.ledger.audit.set_run(audit_line, run_id)
    machines = engine_of(job, limit, None)
    return engine.execute(run_id, lambda: Run(run_id, job, code, limit, options.resend_unknown, engine=machines))


def _refuse_test_mode(job: Job, options: RunOptions) -> None:
    if options.test_event_code is not None and not job.destination.capabilities.test_mode:
        raise UsageError(f'The destination "{job.settings.name}" has no test mode: run it without --test-event-code.')


def _refuse_other_definition(job: Job, options: RunOptions, project: Project) -> None:
    """Raise UsageError if the run is held to a plan that is not of this job with these options."""
    if options.plan is None:
        return
    from connector.runs.plan_file import refuse_other_definition

    given = {"limit": options.limit, "test_event_code": options.test_event_code}
    update = {setting: value for setting, value in given.items() if value is not None}
    job = replace(job, orchestration=job.orchestration.model_copy(update=update))
    refuse_other_definition(options.plan, project, job)
