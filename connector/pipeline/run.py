"""One run: read, transform, stage, send, account for every row."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from connector.config.project import Project
from connector.errors import StopResumable, TooManyRejects, UsageError
from connector.ledger.ledger import Ledger
from connector.ledger.records import NewRun, OpenBatch, RunRecord
from connector.pipeline.delivering import Delivery, concluded, record_of, send
from connector.pipeline.history import ledger_of
from connector.pipeline.observer import Observer, Silent
from connector.pipeline.prepare import Job, prepare
from connector.pipeline.result import open_result
from connector.pipeline.staging import Staged, stage
from connector.queries.render import RunContext


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks for beyond the file; None: as the file says."""

    limit: int | None = None
    test_event_code: str | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    run_id: str
    job: Job
    ledger: Ledger
    directory: Path
    project: Path
    test_event_code: str | None
    limit: int | None
    observer: Observer
    stop: threading.Event


def run_orchestration(
    project: Project,
    name: str,
    options: RunOptions | None = None,
    *,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> RunRecord:
    """Runs an orchestration to its end; the record says what became of every row.

    Setting `stop` ends it as soon as the requests in flight are answered. Raises ConfigurationError before
    anything is opened, TooManyRejects with nothing sent, StopResumable, Interrupted or SourceError; what happened
    until then is in the ledger.
    """
    options, observer, stop = options or RunOptions(), observer or Silent(), stop or threading.Event()
    _refuse_blank_code(options)
    started_at = datetime.now(UTC)
    job = prepare(project, name, RunContext(started_at=started_at))
    with ledger_of(project) as ledger:
        run = _begin(project, job, options, ledger, started_at, observer, stop)
        _carry_out(run)
        return record_of(ledger, run.run_id)


def run_directory(project: Project, run_id: str) -> Path:
    """Where a run's stage and its left-out rows are kept."""
    return project.state_directory / "runs" / run_id


def _refuse_blank_code(options: RunOptions) -> None:
    """An empty code, such as that of a variable that is not set, would send the events as real ones."""
    code = options.test_event_code
    if code is not None and (not code or not code.isascii() or not code.isalnum()):
        raise UsageError(f'The test event code "{code}" is not one: it is letters and digits, such as TEST12345.')


def _begin(
    project: Project,
    job: Job,
    options: RunOptions,
    ledger: Ledger,
    started_at: datetime,
    observer: Observer,
    stop: threading.Event,
) -> _Run:
    name, destination = job.orchestration.name, job.destination
    if last := ledger.last_success(name, project.target, destination.api_url):
        job = prepare(project, name, RunContext(started_at=started_at, last_success_at=last))
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{token_hex(3)}"
    code = job.orchestration.test_event_code if options.test_event_code is None else options.test_event_code
    ledger.start_run(
        NewRun(
            run_id=run_id,
            orchestration=name,
            target=project.target,
            workflow=job.orchestration.workflow,
            destination=destination.name,
            api_url=destination.api_url,
            test_event_code=code,
            started_at=started_at,
        )
    )
    observer.started(run_id, name, project.target)
    limit = options.limit or job.orchestration.limit
    directory = run_directory(project, run_id)
    return _Run(run_id, job, ledger, directory, project.directory, code, limit, observer, stop)


def _carry_out(run: _Run) -> None:
    with concluded(run.ledger, run.run_id):
        staged = _stage(run)
        refuse_too_many_rejects(run.job, staged)
        delivery = Delivery(
            run_id=run.run_id,
            ledger=run.ledger,
            directory=run.directory,
            destination=run.job.destination,
            test_event_code=run.test_event_code,
            observer=run.observer,
            stop=run.stop,
        )
        send(delivery, [OpenBatch(batch) for batch in staged.batches])


def _stage(run: _Run) -> Staged:
    try:
        with open_result(run.job, run.project, limit=run.limit, stop=run.stop) as result:
            line_items = run.job.rules.line_items
            staged = stage(result.rows, run.directory, line_items=line_items, read=run.observer.read)
    except BaseException as error:
        rmtree(run.directory, ignore_errors=True)
        if isinstance(error, OSError):
            raise StopResumable(f"The result could not be staged in {run.directory.name}: {error.strerror}.") from None
        raise
    run.ledger.staged(
        run.run_id,
        read=staged.read,
        rejects=staged.rejects,
        skips=staged.skips,
        warnings=staged.warnings,
        staged=staged.batches,
    )
    run.observer.staged(sum(batch.events for batch in staged.batches), len(staged.batches))
    return staged


def refuse_too_many_rejects(job: Job, staged: Staged) -> None:
    """Raises TooManyRejects where the orchestration allows fewer rejected rows than were staged."""
    limit = job.orchestration.max_reject_percent
    if limit is None or not staged.read:
        return
    percent = 100 * staged.rejected / staged.read
    if percent > limit:
        raise TooManyRejects(
            f"{staged.rejected:,} of {staged.read:,} rows ({percent:.1f} %) were rejected, more than "
            f"max_reject_percent allows ({limit:g} %): nothing was sent."
        )
