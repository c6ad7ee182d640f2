"""Execute runs of an orchestration: read, stage, send and conclude."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from secrets import token_hex
from threading import Event
from typing import TYPE_CHECKING, Any

from connector.core.disk import make_private_folder
from connector.destinations.base import Destination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.errors import NothingSent, SourceError, UsageError
from connector.ledger.batch_records import BatchRecord, OpenBatch
from connector.ledger.run_records import NewRun, RunRecord
from connector.runs.deliver import Delivery, preflight_routes, record_conclusion, send, send_streamed
from connector.runs.extract import Run, engine_of, read_and_stage
from connector.runs.job import Job
from connector.runs.retention import reduce_stage
from connector.runs.row_limits import min_rows_note, refuse_rows
from connector.staging.staged import Staged
from connector.staging.streaming import Publish, StreamingStage

if TYPE_CHECKING:
    from connector.config.engine import EngineSettings
    from connector.runs.plan_file import PlanFile


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Command-line options that override or extend the project file."""

    limit: int | None = None
    """Rows to read at most; None: as the project file says."""
    test_event_code: str | None = None
    """Send test events with this code; None: as the project file says."""
    resend_unknown: bool = False
    """Send events again whose answer was lost, even after the destination has forgotten their ids."""
    allow_empty: bool = False
    """Let an empty result empty an audience."""
    confirmation: Confirmation = field(default_factory=Confirmation)
    """Who confirms changes at the platform."""
    plan: "PlanFile | None" = None
    """The plan that the run is held to."""
    fresh: bool = False
    """Forget what the simulator was sent by earlier runs first."""
    full: bool = False
    """Read all rows of an orchestration that reads incrementally."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Executes runs of one orchestration, which is locked, with its resolved destination."""

    context: RunContext
    destination: Destination[Any]
    targets: Any
    options: RunOptions

    def create(
        self,
        job: Job,
        *,
        test_event_code: str | None,
        limit: int | None,
        retry_of: str | None = None,
        retry_reason: str | None = None,
    ) -> str:
        """Record the start of a run, and return its id."""
        context, started_at = self.context, datetime.now(UTC)
        engine = engine_of(job, limit, retry_of)
        run_id = f"{started_at:%Y%m%dT%H%M%S}-{token_hex(3)}"
        new = NewRun(
            run_id=run_id,
            orchestration=job.orchestration.name,
            target=context.project.target,
            workflow=job.orchestration.workflow,
            destination=job.settings.name,
            api_url=job.settings.address,
            test_event_code=test_event_code,
            started_at=started_at,
            row_limit=limit,
            retry_of=retry_of,
            retry_reason=retry_reason,
            fingerprint=job.fingerprint,
            cursor=job.cursor.as_json() if job.cursor else None,
            engine=engine.name if engine else None,
            stage=_stage_address(engine, run_id) if engine else None,
        )
        is_planned = self.options.plan is not None
        context.ledger.runs.start(new, holder=context.lock.holder, host=context.lock.host, is_planned=is_planned)
        context.observer.started(run_id, job.orchestration.name, context.project.target)
        return run_id

    def execute(self, run_id: str, prepare: Callable[[], Run]) -> RunRecord:
        """Read, stage and send a run that is in the ledger; return its record. An error of `prepare` ends the run.

        Raises NothingSent because of the rows, UsageError if it is not confirmed, ResumableError, Interrupted,
        LockedError or SourceError; what happened until then is in the ledger.
        """
        with self.concluding(run_id):
            run = prepare()
            if run.job.models:
                from connector.runs.dbt_builds import refuse_unbuilt

                refuse_unbuilt(self.context.project, run.job)
            run.job.destination.refuse_unready(run.job.orchestration.name, run.job.rules)
            if run.engine is not None:
                from connector.runs.cluster.driver import execute_spread

                execute_spread(self, run, run.engine)
            elif self.options.plan is None and _can_stream(run):
                self._stream(run)
            else:
                self._stage_then_send(run)
        return self.conclude(run_id)

    @contextmanager
    def concluding(self, run_id: str) -> Iterator[None]:
        """Record how the block ended, and delete the stage of a run that cannot be resumed."""
        try:
            with record_conclusion(self.context, run_id):
                yield
        except (NothingSent, UsageError):
            reduce_stage(self.context.directory(run_id))
            raise

    def conclude(self, run_id: str) -> RunRecord:
        """Conclude a run of which every batch was sent; return its record."""
        self.destination.finish(self.context, self.targets, run_id)
        reduce_stage(self.context.directory(run_id))
        return self.context.ledger.runs.get(run_id)

    def delivery(self, run_id: str, test_event_code: str | None) -> Delivery:
        """Return where the batches of a run are sent."""
        return Delivery(run_id, self.destination, self.targets, test_event_code)

    def _stage_then_send(self, run: Run) -> None:
        context, approve = self.context, partial(self.approve, run)
        staged = read_and_stage(context, run, self.targets, context.stop, approve=approve)
        delivery = self.delivery(run.run_id, run.test_event_code)
        send(context, delivery, [OpenBatch(batch) for batch in staged.batches])

    def approve(self, run: Run, staged: Staged) -> None:
        """Raise NothingSent because of the rows, UsageError if the change is not confirmed."""
        orchestration, options = run.job.orchestration, self.options
        if run.selection is None:
            refuse_rows(orchestration, staged, run.limit, has_input=staged.has_input)
            if note := min_rows_note(orchestration, run.limit):
                self.context.observer.note(note)
        if options.plan is not None:
            from connector.runs.plan_file import refuse_other_counts

            refuse_other_counts(options.plan, staged)
        self.destination.confirm(staged, run.limit, options.confirmation, allow_empty=options.allow_empty)
        if options.plan is not None:
            self.context.ledger.runs.plan_matched(run.run_id)

    def _stream(self, run: Run) -> None:
        context = self.context
        delivery = self.delivery(run.run_id, run.test_event_code)

        def stage(publish: Publish, cancelled: Event) -> None:
            earlier = context.ledger.batches.all(run.run_id)

            def record_and_publish(batches: Sequence[BatchRecord]) -> None:
                context.ledger.runs.batches_staged(run.run_id, batches, holder=context.lock.holder)
                publish(batches)

            directory = context.directory(run.run_id)
            make_private_folder(directory)
            limits = self.destination.capabilities.batch_limits
            streaming = StreamingStage(directory, record_and_publish, earlier, limits)
            publish(read_and_stage(context, run, self.targets, cancelled, streaming=streaming).batches)

        with _add_delivered_rows(context, run), stage_in_background(stage, context.stop) as batches:
            send_streamed(context, delivery, preflight_routes(context, delivery, batches))


def _stage_address(engine: "EngineSettings", run_id: str) -> str:
    """Return the address of the folder that the machines of an engine share for a run."""
    from connector.staging.storage.shared_folder import SharedFolder

    return SharedFolder.at(engine.stage).child(run_id).address


def _can_stream(run: Run) -> bool:
    """Return whether events can be sent before all rows are read: no later row can change or forbid them."""
    orchestration = run.job.orchestration
    limits = (orchestration.max_reject_percent, orchestration.min_rows)
    may_be_forbidden = limits != (None, None) or run.job.file is not None
    is_able = run.job.destination.capabilities.streaming and not orchestration.line_items
    return is_able and not may_be_forbidden and run.selection is None


@contextmanager
def _add_delivered_rows(context: RunContext, run: Run) -> Iterator[None]:
    """Add the number of delivered rows to the message of a SourceError."""
    try:
        yield
    except SourceError as error:
        delivered = context.ledger.runs.get(run.run_id).rows.delivered
        if not delivered:
            raise
        raise SourceError(
            f"{error.message.rstrip('.')}. By then {delivered:,} rows had been delivered; `connector resume` reads the "
            "result again and sends the others."
        ) from None


def refuse_blank_code(code: str | None) -> None:
    """Raise UsageError for an empty code, such as that of a variable that is not set: it would send real events."""
    if code is not None and (not code or not code.isascii() or not code.isalnum()):
        raise UsageError(f'The test event code "{code}" is not one: it is letters and digits, such as TEST12345.')


@contextmanager
def open_engine(
    context: RunContext, destination: Destination[Any], options: RunOptions, *, resuming: bool = False
) -> Iterator[Engine]:
    """Resolve what a destination sends to, and hold it until the block ends."""
    with destination.resolve(context, options.confirmation, resuming=resuming) as targets:
        yield Engine(context, destination, targets, options)


_POLL_SECONDS = 0.1
"""How often a wait for the next batch checks whether the run has to stop."""

Stage = Callable[[Publish, Event], None]
"""Reads and stages a result until the event is set, and publishes every batch as soon as it can be sent."""


@contextmanager
def stage_in_background(stage: Stage, stop: Event) -> Iterator[Iterator[OpenBatch]]:
    """Run `stage` in a thread until the block ends, and yield the batches that it publishes.

    Staging never waits for the consumer, since batches lie on disk. The iterator ends when `stage` returns or `stop` is
    set. An error of `stage` is raised at the end of the block.
    """
    published: SimpleQueue[Sequence[BatchRecord] | None] = SimpleQueue()
    cancelled = Event()

    def read() -> None:
        try:
            stage(published.put, cancelled)
        finally:
            published.put(None)

    with ThreadPoolExecutor(1, thread_name_prefix="staging") as thread:
        reading = thread.submit(read)
        try:
            yield _batches(published, stop)
        finally:
            cancelled.set()
        reading.result()


def _batches(published: "SimpleQueue[Sequence[BatchRecord] | None]", stop: Event) -> Iterator[OpenBatch]:
    while not stop.is_set():
        try:
            records = published.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if records is None:
            return
        yield from map(OpenBatch, records)
