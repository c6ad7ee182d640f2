"""Resume runs that ended before all of their batches were sent."""

import threading
from typing import TYPE_CHECKING, Any

from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.destinations.base import Destination
from connector.destinations.registry import destination_of
from connector.errors import (
    ConfigurationError,
    CorruptStage,
    InDoubt,
    LockedError,
    NothingSent,
    RejectedUniformly,
    ResumableError,
    UsageError,
)
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import find_run, ledger_of, run_directory
from connector.ledger.run_records import RunRecord
from connector.ledger.timeline import PLAN_MATCHED, PLANNED
from connector.observer import Observer
from connector.privacy.access import check_access
from connector.runs.deliver import is_too_late, send
from connector.runs.engine import Engine, RunOptions, open_engine
from connector.runs.extract import Run, select_rejected
from connector.runs.job import Job, current_job
from connector.runs.retention import reduce_stage, remove_stage
from connector.runs.row_limits import refuse_recorded_rows
from connector.runs.run_context import run_context

if TYPE_CHECKING:
    from connector.config.engine import EngineSettings

DIED = frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED})
"""Statuses of runs that did not end by themselves: if nothing was staged, they are read again without being named."""

_PLAN_AGAIN = "start it again with `connector run NAME --plan FILE`."

SUPERSEDED = "Interrupted before anything was sent; the next run reads the result again."


def resume_run(
    project: Project,
    run_id: str | None,
    observer: Observer,
    stop: threading.Event,
    *,
    resend_unknown: bool = False,
) -> RunRecord:
    """Finish the run with this id, else the last one that can be finished. The record is as after `connector run`.

    Raises UsageError if there is none, AccessRefused, LockedError if it is running, ConfigurationError if the
    destination has changed since, ResumableError and Interrupted as a run does.
    """
    options = RunOptions(resend_unknown=resend_unknown)
    if run_id is not None:
        record = find_run(project, run_id)
        if not _can_continue(record, named=True):
            raise UsageError(f"Run {record.run_id} ({record.status}) has nothing left that could still be sent.")
        return _resume(project, record, observer, stop, options)
    for record in _candidates(project):
        try:
            return _resume(project, record, observer, stop, options)
        except LockedError:
            if record.status is not RunStatus.RUNNING:
                raise
    raise UsageError("There is no run to resume: none was interrupted or stopped.")


def finish_interrupted(engine: Engine, job: Job) -> None:
    """Finish earlier runs of the orchestration, oldest first; `job` is that of a run that starts now.

    Runs that are staged on another machine are skipped, and events that may have been taken too long ago stay
    pending. Raises as a run does if one cannot be finished, unless its job was another one.
    """
    context = engine.context
    for record in context.ledger.runs.unfinished(job.orchestration.name, context.scope(job.settings)):
        if _is_superseded(engine, record) or _awaits_plan(engine, record):
            _supersede(engine, record)
        elif not _can_continue(record, named=False):
            continue
        elif engine.options.plan is not None:
            raise UsageError(
                f"Run {record.run_id} is not finished, so the plan does not say what would be sent: finish it with "
                f"`connector resume {record.run_id}`, and make a new plan."
            )
        elif _is_elsewhere(engine, record):
            context.observer.note(_elsewhere(record))
        elif record.staged and not (engine.options.resend_unknown or _can_change(engine, record)):
            open_batches = context.ledger.batches.open(record.run_id)
            context.observer.note(f"Run {record.run_id}: {_uncertain(open_batches)}")
        else:
            _finish(engine, record, job)


def _is_superseded(engine: Engine, record: RunRecord) -> bool:
    """Return whether the next run does what this one left: the destination mirrors its result, and nothing was staged.

    A stage for an audience that the simulator was made to forget counts as none.
    """
    if not (record.resumable and engine.destination.capabilities.mirrors):
        return False
    return not record.staged or (not _is_elsewhere(engine, record) and _is_for_forgotten(engine, record))


def _is_for_forgotten(engine: Engine, record: RunRecord) -> bool:
    """Return whether a run was staged for an audience that the simulator does not keep."""
    if not engine.destination.settings.is_ephemeral:
        return False
    ledger = engine.context.ledger
    kept = {one.audience_id for one in ledger.members.audiences(record.target) if one.api_url == record.api_url}
    return any(batch.record.route.resource_id not in kept for batch in ledger.batches.open(record.run_id))


def _awaits_plan(engine: Engine, record: RunRecord) -> bool:
    """Return whether a run is held to a plan with which it was not compared. It has sent nothing."""
    timeline = engine.context.ledger.timeline
    was_compared = record.staged and timeline.has(record.run_id, PLAN_MATCHED)
    return timeline.has(record.run_id, PLANNED) and not was_compared


def _supersede(engine: Engine, record: RunRecord) -> None:
    """End a run that the next one supersedes."""
    engine.context.ledger.runs.finish(record.run_id, RunStatus.INTERRUPTED, error=SUPERSEDED, resumable=False)
    remove_stage(engine.context.directory(record.run_id), record)


def _finish(engine: Engine, record: RunRecord, job: Job) -> None:
    """Resume a run; give it up if its stage is refused and the orchestration has changed since."""
    context = engine.context
    try:
        done = _continue(engine, record)
    except RejectedUniformly as refused:
        if record.fingerprint == job.fingerprint:
            raise
        context.ledger.runs.give_up(record.run_id)
        reduce_stage(context.directory(record.run_id))
        context.observer.note(
            f"Run {record.run_id} is given up, since the orchestration has changed and what was staged for it is "
            f"refused: {refused.message}"
        )
    except NothingSent as failed:
        context.observer.note(f"Run {record.run_id} failed: {failed.message}")
    except CorruptStage as corrupt:
        _abandon(engine, record, corrupt)
    except InDoubt as lost:
        context.observer.note(f"Run {record.run_id}: {lost.message}")
    else:
        context.observer.note(f"Run {done.run_id} is {done.status}: {done.rows.delivered:,} rows delivered.")


def _abandon(engine: Engine, record: RunRecord, corrupt: CorruptStage) -> None:
    """End a run whose stage is damaged, and report why; another run reads its pending rows."""
    context = engine.context
    context.ledger.runs.give_up(record.run_id)
    reduce_stage(context.directory(record.run_id))
    context.observer.note(f"Run {record.run_id} is given up: {corrupt.fault}. What it did not deliver is read again.")
    engine.destination.acknowledge(context, engine.targets)


def _candidates(project: Project) -> list[RunRecord]:
    """Return the runs that can be resumed, latest first."""
    with ledger_of(project) as ledger:
        runs = [run for run in ledger.runs.unfinished() if _can_continue(run, named=_counts_as_named(ledger, run))]
        own = not ledger.database.is_shared
    return [
        run
        for run in reversed(runs)
        if own or run.stage or not run.may_have_sent or run_directory(project, run.run_id).exists()
    ]


def _counts_as_named(ledger: Ledger, run: RunRecord) -> bool:
    """Return whether a run on an engine is the last of its orchestration: it can keep the splits that are read."""
    return run.engine is not None and ledger.runs.latest(1, run.orchestration)[0].run_id == run.run_id


def _resume(
    project: Project, record: RunRecord, observer: Observer, stop: threading.Event, options: RunOptions
) -> RunRecord:
    project = project.under(record.target)
    grant = check_access(project, "resume", record.orchestration, record.run_id)
    with run_context(project, record.orchestration, observer, stop) as context:
        grant.record(context.ledger)
        destination = same_destination(project, record)
        with open_engine(context, destination, options, resuming=True) as engine:
            record = context.ledger.runs.get(record.run_id)
            if _awaits_plan(engine, record):
                _supersede(engine, record)
                raise UsageError(f"Run {record.run_id} is held to a plan and has sent nothing: {_PLAN_AGAIN}")
            if record.staged and _is_superseded(engine, record):
                _supersede(engine, record)
                return _start_over(engine, record)
            try:
                return _continue(engine, record)
            except CorruptStage as corrupt:
                _abandon(engine, record, corrupt)
                if context.ledger.timeline.has(record.run_id, PLANNED):
                    raise UsageError(
                        f"{corrupt.fault}, and run {record.run_id} is held to a plan: {_PLAN_AGAIN}"
                    ) from None
                return _start_over(engine, record)


def _continue(engine: Engine, record: RunRecord) -> RunRecord:
    context = engine.context
    if _is_elsewhere(engine, record):
        raise ResumableError(_elsewhere(record))
    context.ledger.runs.resume(record.run_id, holder=context.lock.holder, host=context.lock.host)
    context.observer.resumed(record.run_id, record.orchestration, record.target)
    if not record.staged:
        return _read_again(engine, record)
    with engine.concluding(record.run_id):
        refuse_recorded_rows(context.project.orchestration(record.orchestration), record)
        _send_open(engine, record)
    return engine.conclude(record.run_id)


def _read_again(engine: Engine, record: RunRecord) -> RunRecord:
    context = engine.context

    def prepare() -> Run:
        if context.ledger.batches.open(record.run_id):
            _send_open(engine, record)
        job = current_job(context.project, record.orchestration, context.ledger, of_run=record)
        return _same_run(engine, record, record.run_id, job)

    return engine.execute(record.run_id, prepare)


def _start_over(engine: Engine, record: RunRecord) -> RunRecord:
    """Read a run's result again as another run, which skips what the first one delivered."""
    job = current_job(engine.context.project, record.orchestration, engine.context.ledger, of_run=record)
    run_id = engine.create(
        job,
        test_event_code=record.test_event_code,
        limit=record.row_limit,
        retry_of=record.retry_of,
        retry_reason=record.retry_reason,
    )
    return engine.execute(run_id, lambda: _same_run(engine, record, run_id, job))


def _same_run(engine: Engine, record: RunRecord, run_id: str, job: Job) -> Run:
    """Return a run that reads the same rows as a recorded one."""
    selection = select_rejected(engine.context, record.retry_of, record.retry_reason) if record.retry_of else None
    resend_unknown = engine.options.resend_unknown
    machines = _engine_of(engine, run_id)
    return Run(run_id, job, record.test_event_code, record.row_limit, resend_unknown, selection, machines)


def _engine_of(engine: Engine, run_id: str) -> "EngineSettings | None":
    """Return the engine that a run was started on, whatever its orchestration has now. Raises ResumableError."""
    project, name = engine.context.project, engine.context.ledger.runs.get(run_id).engine
    if name is not None and name not in project.engines:
        raise ResumableError(
            f'Run {run_id} was started on the engine "{name}", which is not in engines: put it back, then run '
            f"`connector resume {run_id}`."
        )
    return project.engine(name) if name is not None else None


def _send_open(engine: Engine, record: RunRecord) -> None:
    context, destination, resend_unknown = engine.context, engine.destination, engine.options.resend_unknown
    if record.stage is not None:
        from connector.runs.cluster.driver import attach_stage

        attach_stage(context, record)
    destination.recheck(context, engine.targets, record, resend_unknown=resend_unknown)
    open_batches = context.ledger.batches.open(record.run_id)
    safe = [batch for batch in open_batches if resend_unknown or not is_too_late(destination, batch)]
    units = sum(batch.record.members or sum(events for _, events in batch.pending_ranges()) for batch in safe)
    context.observer.staged(units, len(safe), destination.capabilities.unit)
    _send(engine, record, safe)
    if too_late := [batch for batch in open_batches if batch not in safe]:
        raise InDoubt(_uncertain(too_late))


def _send(engine: Engine, record: RunRecord, open_batches: list[OpenBatch]) -> None:
    context, delivery = engine.context, engine.delivery(record.run_id, record.test_event_code)
    settings = context.project.engine(record.engine) if record.engine in context.project.engines else None
    if settings is None or record.stage is None:
        send(context, delivery, open_batches)
        return
    from connector.runs.cluster.driver import resume_spread

    resend_unknown = engine.options.resend_unknown
    resume_spread(context, settings, delivery, open_batches, resend_unknown=resend_unknown)


def _can_change(engine: Engine, record: RunRecord) -> bool:
    """Return whether resuming a staged run can change anything."""
    open_batches = engine.context.ledger.batches.open(record.run_id)
    is_running = record.status is RunStatus.RUNNING
    return not open_batches or is_running or any(not is_too_late(engine.destination, batch) for batch in open_batches)


def _uncertain(late: list[OpenBatch]) -> str:
    events = sum(count for batch in late for _, count in batch.pending_ranges())
    return (
        f"{events:,} events may have been taken about 48 hours ago or longer, their answers being lost: sent again, "
        "they could be counted twice. They stay pending; `--resend-unknown` sends them nevertheless."
    )


def _is_elsewhere(engine: Engine, record: RunRecord) -> bool:
    """Return whether another machine may hold the stage of a run: the ledger is shared and the stage is not here."""
    context = engine.context
    may_be_elsewhere = context.ledger.database.is_shared and record.stage is None
    return may_be_elsewhere and record.may_have_sent and not context.directory(record.run_id).exists()


def _elsewhere(record: RunRecord) -> str:
    where = record.host or "another machine"
    return (
        f"Run {record.run_id} is staged on {where}, not in this folder: `connector resume {record.run_id}` "
        "there sends what is left of it."
    )


def same_destination(project: Project, record: RunRecord) -> Destination[Any]:
    """Return the present destination of a run's orchestration. Raises ConfigurationError if its address has changed."""
    settings = project.orchestration(record.orchestration).destination
    if settings.address == record.api_url:
        return destination_of(settings)
    raise ConfigurationError(
        f'Run {record.run_id} was meant for {record.api_url}, but "{record.orchestration}" goes to '
        f"{settings.address} now: a stage is not sent to another destination."
    )


def _can_continue(run: RunRecord, *, named: bool) -> bool:
    """Return whether a run can be resumed, even if only its end is left to record.

    A run that failed before anything was staged is resumed only if it is `named`.
    """
    if not run.resumable or run.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return False
    if run.staged:
        return run.rows.balanced
    return named or run.may_have_sent or run.status in DIED
