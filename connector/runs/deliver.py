"""Send the open batches of a staged run, and record how the run ended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Any

from connector.core.outcomes import RunStatus
from connector.core.route import Route
from connector.delivery.limiter import AdaptiveLimiter, Limiter
from connector.delivery.sender import deliver
from connector.destinations.base import MOST_ROUTES, Attempt, Destination
from connector.destinations.context import RunContext
from connector.destinations.policy import retry_policy
from connector.errors import ConnectorError, Interrupted, LockedError, NothingSent, ResumableError, UsageError
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.runs.row_limits import refuse_all_rejected
from connector.staging.sending import BatchProgress, LedgerRecorder, StagedBatches, write_excluded


@dataclass(frozen=True, slots=True)
class Delivery:
    """A staged run, and where its batches are sent."""

    run_id: str
    destination: Destination[Any]
    targets: Any
    """The resolved targets of the destination, such as its event source."""
    test_event_code: str | None


def send(context: RunContext, delivery: Delivery, open_batches: list[OpenBatch]) -> None:
    """Send batches until the outcome of each is known. Raises ResumableError, LockedError, Interrupted."""
    send_streamed(context, delivery, _preflight_all(context, delivery, open_batches))


def send_streamed(context: RunContext, delivery: Delivery, open_batches: Iterator[OpenBatch]) -> None:
    """Send batches while staging continues; open the platform once there is the first of them."""
    with excluded_written(context, delivery):
        first = next(open_batches, None)
        if first is not None:
            _send(context, delivery, chain([first], open_batches))


@contextmanager
def excluded_written(context: RunContext, delivery: Delivery) -> Iterator[None]:
    """Write the rows of events that were not delivered once the block ends. Raises Interrupted if it was stopped."""
    try:
        yield
    except BaseException:
        # The error that stopped the run is the one to report; rows that cannot be written now are written on resume.
        with suppress(ConnectorError):
            _write_excluded(context, delivery)
        raise
    _write_excluded(context, delivery)
    if context.stop.is_set():
        raise Interrupted("Interrupted. `connector resume` sends the rest.")


def _preflight_all(context: RunContext, delivery: Delivery, open_batches: list[OpenBatch]) -> Iterator[OpenBatch]:
    if open_batches:
        preflight(context, delivery, open_batches)
    yield from open_batches


def preflight_routes(context: RunContext, delivery: Delivery, open_batches: Iterable[OpenBatch]) -> Iterator[OpenBatch]:
    """Yield the batches, and have the destination check each route before its first batch is sent."""
    checked: set[Route] = set()
    for batch in open_batches:
        if batch.record.route not in checked and len(checked) < MOST_ROUTES:
            checked.add(batch.record.route)
            preflight(context, delivery, [batch])
        yield batch


def preflight(context: RunContext, delivery: Delivery, batches: Sequence[OpenBatch]) -> None:
    """Have the destination check that these batches can arrive. Raises ResumableError."""
    delivery.destination.preflight(context, delivery.targets, delivery.run_id, batches)


def _send(context: RunContext, delivery: Delivery, open_batches: Iterable[OpenBatch]) -> None:
    destination, settings = delivery.destination, delivery.destination.settings
    pace = Pace(AdaptiveLimiter(settings.requests_per_second), settings.max_in_flight)
    with destination.open(context, delivery.targets, delivery.run_id, delivery.test_event_code) as attempt:
        send_batches(context, delivery, attempt, open_batches, context.ledger.batches, pace)


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits on the rate of requests."""

    limiter: Limiter
    max_in_flight: int
    """Concurrent requests at most."""
    accepted_by_others: Callable[[], int] = lambda: 0
    """See `deliver`."""


def send_batches(
    context: RunContext,
    delivery: Delivery,
    attempt: Attempt,
    open_batches: Iterable[OpenBatch],
    progress: BatchProgress,
    pace: Pace,
) -> None:
    """Send batches through an open platform, and record their outcomes. Raises as `deliver` does."""
    destination = delivery.destination
    codec = destination.codec(delivery.targets, delivery.test_event_code)
    batches = StagedBatches(context.directory(delivery.run_id), open_batches, codec)
    recorder = LedgerRecorder(
        progress,
        delivery.run_id,
        batches,
        context.lock.holder,
        partial(context.observer.acknowledged, noun=destination.capabilities.unit),
        context.observer.answered,
        refused=destination.capabilities.refused,
    )
    try:
        deliver(
            batches,
            attempt,
            policy=retry_policy(destination.settings),
            limiter=pace.limiter,
            max_in_flight=pace.max_in_flight,
            record=recorder,
            stop=context.stop,
            accepted_by_others=pace.accepted_by_others,
            split=batches.split,
            checklist=destination.checklist,
            on_wait=lambda seconds, answer: context.observer.waiting(seconds, answer.message),
        )
    finally:
        batches.close()


def _write_excluded(context: RunContext, delivery: Delivery) -> None:
    directory = context.directory(delivery.run_id)
    try:
        write_excluded(context.ledger, delivery.run_id, directory, delivery.destination.excluded)
    except OSError as error:
        raise ResumableError(
            f"The rows that were left out could not be written in {directory}: {error.strerror or error}. "
            "`connector resume` writes them when there is room."
        ) from None


@contextmanager
def record_conclusion(context: RunContext, run_id: str) -> Iterator[None]:
    """Record in the ledger how the block ended, and for how many seconds it ran.

    If the ledger itself fails, the first error is still the one that is raised, and the run counts as one that died.
    If another process has taken the run over, it may have caused the error, so LockedError is raised instead.
    """
    started = perf_counter()

    def finish(status: RunStatus, error: str | None, *, resumable: bool = True) -> None:
        seconds, holder = perf_counter() - started, context.lock.holder
        context.ledger.runs.finish(run_id, status, seconds=seconds, error=error, resumable=resumable, holder=holder)

    try:
        yield
        status = _final_status(context.ledger, run_id)
    except LockedError:
        # The process that took the run over records how it ends.
        raise
    except (Interrupted, KeyboardInterrupt) as stopped:
        with suppress(ConnectorError):
            finish(RunStatus.INTERRUPTED, str(stopped) or "Interrupted.")
        raise
    except ConnectorError as failure:
        with suppress(ResumableError):
            finish(RunStatus.FAILED, failure.message, resumable=not isinstance(failure, NothingSent | UsageError))
        raise
    except BaseException:
        with suppress(ConnectorError):
            finish(RunStatus.FAILED, "The run ended unexpectedly.")
        raise
    finish(status, None)


def _final_status(ledger: Ledger, run_id: str) -> RunStatus:
    record = ledger.runs.get(run_id)
    if not record.rows.balanced:
        raise ResumableError(f"The rows of run {record.run_id} do not add up: {record.rows}. Please report this.")
    if record.rows.pending:
        raise ResumableError(f"{record.rows.pending:,} rows could not be sent; `connector resume` tries them again.")
    if ledger.batches.open(run_id):
        raise ResumableError("Not every change of the audience was taken; `connector resume` tries the others again.")
    refuse_all_rejected(record.rows.read, record.rejects)
    return RunStatus.COMPLETED_WITH_REJECTS if record.rows.rejected else RunStatus.COMPLETED


def is_too_late(destination: Destination[Any], batch: OpenBatch) -> bool:
    """Return whether a batch whose answer was lost could be counted twice if it were sent again now."""
    window = destination.capabilities.resend_window
    if window is None or not batch.uncertain or batch.sent_at is None:
        return False
    return datetime.now(UTC) - batch.sent_at > window
