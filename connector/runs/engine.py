"""Reads the result and sends it: a new run, or one that died before it was staged."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex
from threading import Event
from typing import TYPE_CHECKING

from connector.disk import make_private_folder
from connector.errors import NothingSent, SourceError, StopResumable
from connector.ledger.records import BatchRecord, NewRun, OpenBatch, RunRecord
from connector.runs.background_staging import while_reading
from connector.runs.context import Execution
from connector.runs.deliver import Delivery, checked_as_they_come, concluded, send, send_as_they_come
from connector.runs.extract import Run, read_and_stage
from connector.runs.job import UNKNOWN_EVENT_SET, Job
from connector.runs.retention import reduce_stage
from connector.runs.row_limits import min_rows_note, refuse_rows
from connector.staging.streaming import Early, HandOn

if TYPE_CHECKING:
    from connector.destinations.tiktok.audience.job import AudienceJob


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

    Raises NothingSent because of the rows, StopResumable, Interrupted, LockedError or SourceError; what happened
    until then is in the ledger.
    """
    try:
        with concluded(at, run_id):
            run = prepared()
            _refuse_unknown_event_set(run.job)
            delivery = Delivery(run_id, run.job.destination, run.test_event_code)
            if _need_not_wait(run):
                _send_while_reading(at, run, delivery)
            else:
                _stage_then_send(at, run, delivery)
    except NothingSent:
        reduce_stage(at.directory(run_id))
        raise
    reduce_stage(at.directory(run_id))
    return at.ledger.runs.get(run_id)


def _need_not_wait(run: Run) -> bool:
    """Whether events may leave before all rows are known: no later row can change them, or forbid to send them."""
    job = run.job
    limits = (job.orchestration.max_reject_percent, job.orchestration.min_rows)
    may_be_forbidden = limits != (None, None) or job.file is not None
    return not (job.rules.line_items or may_be_forbidden or run.chosen is not None)


def _stage_then_send(at: Execution, run: Run, delivery: Delivery) -> None:
    staged = read_and_stage(at, run, at.stop)
    if run.chosen is None:
        refuse_rows(run.job.orchestration, staged, run.limit, has_input=staged.has_input)
        if note := min_rows_note(run.job.orchestration, run.limit):
            at.observer.note(note)
    send(at, delivery, [OpenBatch(batch) for batch in staged.batches])


def _send_while_reading(at: Execution, run: Run, delivery: Delivery) -> None:
    def stage(hand_on: HandOn, unwanted: Event) -> None:
        earlier = at.ledger.batches.all(run.run_id)

        def told(some: Sequence[BatchRecord]) -> None:
            at.ledger.runs.staged_early(run.run_id, some, holder=at.lock.holder)
            hand_on(some)

        directory = at.directory(run.run_id)
        make_private_folder(directory)
        hand_on(read_and_stage(at, run, unwanted, Early(directory, told, earlier)).batches)

    with _saying_what_was_sent(at, run), while_reading(stage, at.stop) as batches:
        send_as_they_come(at, delivery, checked_as_they_come(at, delivery, batches))


@contextmanager
def _saying_what_was_sent(at: Execution, run: Run) -> Iterator[None]:
    """In the block a result is read and sent. Where reading fails half way, the error tells what was delivered."""
    try:
        yield
    except SourceError as error:
        delivered = at.ledger.runs.get(run.run_id).rows.delivered
        if not delivered:
            raise
        raise SourceError(
            f"{error.message.rstrip('.')}. By then {delivered:,} rows had been delivered; `connector resume` reads the "
            "result again and sends the others."
        ) from None


def _refuse_unknown_event_set(job: Job) -> None:
    if job.rules.event_source_id == UNKNOWN_EVENT_SET:
        raise StopResumable(
            f'The id of the offline event set "{job.destination.event_set_name}" is not known. Nothing was sent; '
            f"`connector run {job.orchestration.name}` finds or creates it first."
        )
