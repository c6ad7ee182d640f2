"""Asks the warehouse, stages the result and sends it: a new run, or one that died before it was staged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from threading import Event
from typing import TYPE_CHECKING

from connector.errors import Interrupted, StopResumable, TooManyRejects
from connector.ledger.records import BatchRecord, NewRun, OpenBatch, RunRecord, StagedRows
from connector.pipeline.clearing import reduce_stage
from connector.pipeline.delivering import Delivery, checked_as_they_come, concluded, send, send_as_they_come
from connector.pipeline.early import Early, HandOn, clean
from connector.pipeline.execution import Execution, known_keys
from connector.pipeline.overlap import while_reading
from connector.pipeline.prepare import UNKNOWN_EVENT_SET, Job
from connector.pipeline.result import OpenResult, open_result
from connector.pipeline.staging import Staged, stage
from connector.pipeline.suppressed import forgotten_by
from connector.transform.chosen import ChosenRows

if TYPE_CHECKING:
    from connector.pipeline.audience_job import AudienceJob
    from connector.pipeline.audience_staging import StagedMembers
    from connector.pipeline.files import Before


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose result is to be read, as far as its `limit` goes, and of it only the rows that are `chosen`."""

    run_id: str
    job: Job
    test_event_code: str | None
    limit: int | None
    resend_unknown: bool = False
    chosen: ChosenRows | None = None


def begin(
    at: Execution,
    job: "Job | AudienceJob",
    *,
    test_event_code: str | None,
    limit: int | None,
    retry_of: str | None = None,
    retry_reason: str | None = None,
) -> str:
    """Writes down that a run begins, and gives its id."""
    started_at = datetime.now(UTC)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{token_hex(3)}"
    new = NewRun(
        run_id=run_id,
        orchestration=job.orchestration.name,
        target=at.project.target,
        workflow=job.orchestration.workflow,
        destination=job.destination.name,
        api_url=job.destination.api_url,
        test_event_code=test_event_code,
        started_at=started_at,
        row_limit=limit,
        retry_of=retry_of,
        retry_reason=retry_reason,
        fingerprint=job.fingerprint,
    )
    at.ledger.runs.start(new, holder=at.lock.holder, host=at.lock.host)
    at.observer.started(run_id, job.orchestration.name, at.project.target)
    return run_id


def carry_out(at: Execution, run_id: str, prepared: Callable[[], Run]) -> RunRecord:
    """Reads, stages and sends a run that the ledger knows; gives its record. What `prepared` raises ends the run.

    Raises TooManyRejects with nothing sent, StopResumable, Interrupted, LockedError or SourceError; what happened
    until then is in the ledger.
    """
    try:
        with concluded(at.ledger, run_id):
            run = prepared()
            _refuse_unknown_event_set(run.job)
            delivery = Delivery(run_id, run.job.destination, run.test_event_code)
            if _need_not_wait(run):
                _send_while_reading(at, run, delivery)
            else:
                _stage_then_send(at, run, delivery)
    except TooManyRejects:
        reduce_stage(at.directory(run_id))
        raise
    reduce_stage(at.directory(run_id))
    return at.ledger.runs.get(run_id)


def _need_not_wait(run: Run) -> bool:
    """Whether events may leave before all rows are known: no later row can change them, or forbid to send them."""
    job = run.job
    may_be_forbidden = job.orchestration.max_reject_percent is not None or job.file is not None
    return not (job.rules.line_items or may_be_forbidden or run.chosen is not None)


def _stage_then_send(at: Execution, run: Run, delivery: Delivery) -> None:
    staged = _stage(at, run, at.stop)
    if run.chosen is None:
        refuse_too_many_rejects(run.job, staged)
    send(at, delivery, [OpenBatch(batch) for batch in staged.batches])


def _send_while_reading(at: Execution, run: Run, delivery: Delivery) -> None:
    def stage(hand_on: HandOn, unwanted: Event) -> None:
        earlier = at.ledger.batches.all(run.run_id)

        def told(some: Sequence[BatchRecord]) -> None:
            at.ledger.runs.staged_early(run.run_id, some)
            hand_on(some)

        directory = at.directory(run.run_id)
        directory.mkdir(parents=True, exist_ok=True)
        hand_on(_stage(at, run, unwanted, Early(directory, told, earlier)).batches)

    with while_reading(stage, at.stop) as batches:
        send_as_they_come(at, delivery, checked_as_they_come(at, delivery, batches))


def _stage(at: Execution, run: Run, stop: Event, early: Early | None = None) -> Staged:
    directory = at.directory(run.run_id)
    clean(directory, {batch.file for batch in early.batches} if early else ())
    known = known_keys(
        at.ledger,
        at.scope(run.job.destination),
        run.job.destination,
        test_event_code=run.test_event_code,
        resend_unknown=run.resend_unknown,
        but=run.run_id,
    )
    try:
        with open_result(
            run.job,
            at.project.directory,
            limit=run.limit,
            test_event_code=run.test_event_code,
            chosen=run.chosen,
            stop=stop,
            run_id=run.run_id,
            before=_before(at, run),
        ) as result:
            at.ledger.runs.asked(run.run_id, result.query_id)
            line_items = run.job.rules.line_items
            forgotten = forgotten_by(at.ledger)
            staged = stage(
                result.rows,
                directory,
                line_items=line_items,
                known=known,
                forgotten=forgotten,
                read=at.observer.read,
                early=early,
            )
            _conclude_files(at, run.run_id, result)
    except BaseException as error:
        begun = [] if early is None else early.batches
        clean(directory, {batch.file for batch in begun})
        if isinstance(error, OSError):
            sent = "What had been staged by then was not lost" if begun else "Nothing was sent"
            raise StopResumable(
                f"The result could not be staged in {directory}: {error.strerror or error}. {sent}; "
                "run it again when there is room."
            ) from None
        if isinstance(error, Interrupted) and begun:
            raise Interrupted(
                "Interrupted; `connector resume` reads the result again, and sends what is left."
            ) from None
        raise
    rows = StagedRows(staged.read, staged.rejects, staged.skips, staged.warnings, staged.batches, kept=staged.kept)
    at.ledger.runs.staged(run.run_id, rows)
    before = [batch.events for batch in early.batches] if early else []
    events = [*before, *(batch.events for batch in staged.batches)]
    at.observer.staged(sum(events), len(events))
    return staged


def _refuse_unknown_event_set(job: Job) -> None:
    if job.rules.event_source_id == UNKNOWN_EVENT_SET:
        raise StopResumable(
            f'The id of the offline event set "{job.destination.event_set_name}" is not known. Nothing was sent; '
            f"`connector run {job.orchestration.name}` finds or creates it first."
        )


def _before(at: Execution, run: Run) -> "Before | None":
    """The files that need not be read again, unless it is about rows that were left out of them."""
    if run.job.file is None or run.chosen is not None or run.resend_unknown:
        return None
    from connector.pipeline.files import files_before

    return files_before(at.ledger, run.job, at.project.target, run.test_event_code)


def _conclude_files(at: Execution, run_id: str, result: OpenResult) -> None:
    if result.reading is None:
        return
    from connector.pipeline.files import records, refuse_wrong, rejected_lines

    refuse_wrong(result.reading)
    for sentence in (*result.reading.notes, *rejected_lines(result.reading)):
        at.observer.note(sentence)
    at.ledger.files.read(run_id, records(result.reading))


def refuse_too_many_rejects(job: "Job | AudienceJob", staged: "Staged | StagedMembers") -> None:
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
