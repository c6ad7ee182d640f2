"""Goes on with runs that ended before all of their events were sent."""

import threading
from datetime import UTC, datetime

from connector.config.destination import EventsDestination
from connector.config.project import Project
from connector.destinations.tiktok.audience.job import is_audience
from connector.errors import (
    AnswersLost,
    ConfigurationError,
    CorruptStage,
    LockedError,
    NothingSent,
    RefusedAlike,
    StopResumable,
    UsageError,
)
from connector.ledger.project_ledger import ledger_of, run_directory, run_named
from connector.ledger.records import OpenBatch, RunRecord
from connector.observer import Observer
from connector.outcomes import RunStatus
from connector.runs.access import check_access
from connector.runs.context import REPEATABLE, Execution, execution
from connector.runs.deliver import Delivery, concluded, send
from connector.runs.engine import begin, carry_out
from connector.runs.extract import Run
from connector.runs.job import Job, job_now
from connector.runs.retention import reduce_stage
from connector.runs.row_limits import refuse_recorded_rows
from connector.runs.row_selection import chosen_rows
from connector.staging.recheck import leave_out_delivered, leave_out_suppressed

DIED = frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED})
"""A run of which nothing was staged is read again by itself where it was cut off, not where an error ended it."""


def resume_run(
    project: Project,
    run_id: str | None,
    observer: Observer,
    stop: threading.Event,
    *,
    resend_unknown: bool = False,
) -> RunRecord:
    """Finishes the run with this id, else the last one that can be finished. The record is as after `connector run`.

    Raises UsageError where there is none, AccessRefused, LockedError where it is under way, ConfigurationError where
    the destination has changed since, StopResumable and Interrupted as a run does.
    """
    if run_id is not None:
        record = run_named(project, run_id)
        if not _can_go_on(record, named=True):
            raise UsageError(f"Run {run_id} ({record.status}) has nothing left that could still be sent.")
        return _resume(project, record, observer, stop, resend_unknown=resend_unknown)
    for record in _candidates(project):
        try:
            return _resume(project, record, observer, stop, resend_unknown=resend_unknown)
        except LockedError:
            if record.status is not RunStatus.RUNNING:
                raise
    raise UsageError("There is no run to resume: none was interrupted or stopped.")


def finish_interrupted(at: Execution, job: Job, *, resend_unknown: bool) -> None:
    """Finishes what earlier runs of the orchestration left, oldest first; `job` is what it would do now.

    What is staged on another machine is left to it, and events that may have been taken too long ago are left
    pending. Raises what a run raises where one cannot be finished, unless it was another job.
    """
    for record in at.ledger.runs.unfinished(job.orchestration.name, at.scope(job.destination)):
        if not _can_go_on(record, named=False):
            continue
        if _is_elsewhere(at, record):
            at.observer.note(_elsewhere(record))
        elif record.staged and not (resend_unknown or _worth_it(at, record)):
            at.observer.note(f"Run {record.run_id}: {_uncertain(at.ledger.batches.open(record.run_id))}")
        else:
            _finish(at, record, job, resend_unknown=resend_unknown)


def _finish(at: Execution, record: RunRecord, job: Job, *, resend_unknown: bool) -> None:
    """A run that is refused as it is staged, and would be staged otherwise now, holds up no other."""
    try:
        done = _go_on(at, record, resend_unknown=resend_unknown)
    except RefusedAlike as refused:
        if record.fingerprint == job.fingerprint:
            raise
        at.ledger.runs.give_up(record.run_id)
        reduce_stage(at.directory(record.run_id))
        at.observer.note(
            f"Run {record.run_id} is given up, since the orchestration has changed and what was staged for it is "
            f"refused: {refused.message}"
        )
    except NothingSent as failed:
        at.observer.note(f"Run {record.run_id} failed: {failed.message}")
    except CorruptStage as corrupt:
        abandon(at, record, corrupt)
    except AnswersLost as lost:
        at.observer.note(f"Run {record.run_id}: {lost.message}")
    else:
        at.observer.note(f"Run {done.run_id} is {done.status}: {done.rows.delivered:,} rows delivered.")


def abandon(at: Execution, record: RunRecord, corrupt: CorruptStage) -> None:
    """End a run whose stage cannot be used, and report why; another run reads its pending rows."""
    at.ledger.runs.give_up(record.run_id)
    reduce_stage(at.directory(record.run_id))
    at.observer.note(f"Run {record.run_id} is given up: {corrupt.fault}. What it did not deliver is read again.")


def _candidates(project: Project) -> list[RunRecord]:
    """Latest first."""
    with ledger_of(project) as ledger:
        runs = [run for run in ledger.runs.unfinished() if _can_go_on(run, named=False)]
        own = not ledger.database.is_shared
    return [run for run in reversed(runs) if own or not run.begun or run_directory(project, run.run_id).exists()]


def _resume(
    project: Project, record: RunRecord, observer: Observer, stop: threading.Event, *, resend_unknown: bool
) -> RunRecord:
    project = project.under(record.target)
    allowed = check_access(project, "resume", record.orchestration, record.run_id)
    if is_audience(project, record.orchestration):
        from connector.destinations.tiktok.audience.run import AudienceOptions, resume_audience

        return resume_audience(project, record, AudienceOptions(), allowed, observer, stop)
    with execution(project, record.orchestration, observer, stop) as at:
        allowed.written(at.ledger)
        record = at.ledger.runs.get(record.run_id)
        try:
            return _go_on(at, record, resend_unknown=resend_unknown)
        except CorruptStage as corrupt:
            abandon(at, record, corrupt)
            return _start_over(at, record, resend_unknown=resend_unknown)


def _go_on(at: Execution, record: RunRecord, *, resend_unknown: bool) -> RunRecord:
    destination = destination_of(at.project, record)
    if _is_elsewhere(at, record):
        raise StopResumable(_elsewhere(record))
    at.ledger.runs.resume(record.run_id, holder=at.lock.holder, host=at.lock.host)
    at.observer.resumed(record.run_id, record.orchestration, record.target)
    if not record.staged:
        return _read_again(at, record, resend_unknown=resend_unknown)
    try:
        with concluded(at, record.run_id):
            refuse_recorded_rows(at.project.orchestration(record.orchestration), record)
            _send_open(at, record, destination, resend_unknown=resend_unknown)
    except NothingSent:
        reduce_stage(at.directory(record.run_id))
        raise
    reduce_stage(at.directory(record.run_id))
    return at.ledger.runs.get(record.run_id)


def _read_again(at: Execution, record: RunRecord, *, resend_unknown: bool) -> RunRecord:
    def prepared() -> Run:
        if at.ledger.batches.open(record.run_id):
            _send_open(at, record, destination_of(at.project, record), resend_unknown=resend_unknown)
        job = job_now(at.project, record.orchestration, at.ledger)
        return _same(at, record, record.run_id, job, resend_unknown=resend_unknown)

    return carry_out(at, record.run_id, prepared)


def _start_over(at: Execution, record: RunRecord, *, resend_unknown: bool) -> RunRecord:
    """Reads what a run read again, as another run: what the first delivered is skipped like that of any other."""
    job = job_now(at.project, record.orchestration, at.ledger)
    run_id = begin(
        at,
        job,
        test_event_code=record.test_event_code,
        limit=record.row_limit,
        retry_of=record.retry_of,
        retry_reason=record.retry_reason,
    )
    return carry_out(at, run_id, lambda: _same(at, record, run_id, job, resend_unknown=resend_unknown))


def _same(at: Execution, record: RunRecord, run_id: str, job: Job, *, resend_unknown: bool) -> Run:
    """A run of what another one read."""
    chosen = chosen_rows(at, record.retry_of, record.retry_reason) if record.retry_of else None
    return Run(run_id, job, record.test_event_code, record.row_limit, resend_unknown, chosen)


def _send_open(at: Execution, record: RunRecord, destination: EventsDestination, *, resend_unknown: bool) -> None:
    leave_out_suppressed(at, record)
    leave_out_delivered(at, record, destination, resend_unknown=resend_unknown)
    known = at.ledger.batches.open(record.run_id)
    safe = [batch for batch in known if resend_unknown or not _too_late(batch)]
    at.observer.staged(sum(events for batch in safe for _, events in batch.gaps()), len(safe))
    send(at, Delivery(record.run_id, destination, record.test_event_code), safe)
    if left := [batch for batch in known if batch not in safe]:
        raise AnswersLost(_uncertain(left))


def _worth_it(at: Execution, record: RunRecord) -> bool:
    """Whether going on with a staged run can change anything."""
    known = at.ledger.batches.open(record.run_id)
    return not known or record.status is RunStatus.RUNNING or any(not _too_late(batch) for batch in known)


def _uncertain(late: list[OpenBatch]) -> str:
    events = sum(count for batch in late for _, count in batch.gaps())
    return (
        f"{events:,} events may have been taken about 48 hours ago or longer, their answers being lost: sent again, "
        "TikTok could count them twice. They stay pending; `--resend-unknown` sends them nevertheless."
    )


def _is_elsewhere(at: Execution, record: RunRecord) -> bool:
    """Whether another machine may have the stage of a run; where none can, what is not here is lost."""
    return at.ledger.database.is_shared and record.begun and not at.directory(record.run_id).exists()


def _elsewhere(record: RunRecord) -> str:
    where = record.host or "another machine"
    return (
        f"Run {record.run_id} is staged on {where}, not in this folder: `connector resume {record.run_id}` "
        "there sends what is left of it."
    )


def destination_of(project: Project, record: RunRecord) -> EventsDestination:
    """Where a run's orchestration goes now. Raises ConfigurationError where that is another place."""
    destination = project.orchestration(record.orchestration).destination
    if isinstance(destination, EventsDestination) and destination.api_url == record.api_url:
        return destination
    raise ConfigurationError(
        f'Run {record.run_id} was meant for {record.api_url}, but "{record.orchestration}" goes to '
        f"{destination.api_url} now: a stage is not sent to another destination."
    )


def _can_go_on(run: RunRecord, *, named: bool) -> bool:
    """Whether something is left to do, be it only to end the run.

    One that an error ended before anything of it was staged goes on only if it is named.
    """
    if not run.resumable or run.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return False
    if run.staged:
        return run.rows.balanced
    return named or run.begun or run.status in DIED


def _too_late(batch: OpenBatch) -> bool:
    return batch.uncertain and batch.sent_at is not None and datetime.now(UTC) - batch.sent_at > REPEATABLE
