"""Send what is open of a staged run, and record how the run ended."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Any

from connector.core.outcomes import RunStatus
from connector.core.route import Route
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.sender import deliver
from connector.destinations.base import MOST_ROUTES, Destination
from connector.destinations.context import RunContext
from connector.destinations.policy import retry_policy
from connector.errors import ConnectorError, Interrupted, LockedError, NothingSent, ResumableError, UsageError
from connector.ledger.ledger import Ledger
from connector.ledger.records import OpenBatch
from connector.runs.row_limits import refuse_all_rejected
from connector.staging.sending import LedgerRecorder, StagedBatches, write_left_out


@dataclass(frozen=True, slots=True)
class Delivery:
    """A staged run, and where its batches go."""

    run_id: str
    destination: Destination[Any]
    targets: Any
    test_event_code: str | None


def send(context: RunContext, delivery: Delivery, open_batches: list[OpenBatch]) -> None:
    """Send batches until the outcome of each is known. Raises ResumableError, LockedError, Interrupted."""
    send_streamed(context, delivery, _checked_together(context, delivery, open_batches))


def send_streamed(context: RunContext, delivery: Delivery, open_batches: Iterator[OpenBatch]) -> None:
    """Send batches while staging continues; open the platform once there is the first of them."""
    try:
        first = next(open_batches, None)
        if first is not None:
            _send(context, delivery, chain([first], open_batches))
    except BaseException:
        # What stopped it is what is told; what cannot be written now is written when the run goes on.
        with suppress(ConnectorError):
            _write_left_out(context, delivery)
        raise
    _write_left_out(context, delivery)
    if context.stop.is_set():
        raise Interrupted("Interrupted. `connector resume` sends the rest.")


def _checked_together(context: RunContext, delivery: Delivery, open_batches: list[OpenBatch]) -> Iterator[OpenBatch]:
    if open_batches:
        _preflight(context, delivery, open_batches)
    yield from open_batches


def checked_as_they_come(
    context: RunContext, delivery: Delivery, open_batches: Iterable[OpenBatch]
) -> Iterator[OpenBatch]:
    """Yield the batches; before the first for a route leaves, the destination checks it."""
    known: set[Route] = set()
    for batch in open_batches:
        if batch.record.route not in known and len(known) < MOST_ROUTES:
            known.add(batch.record.route)
            _preflight(context, delivery, [batch])
        yield batch


def _preflight(context: RunContext, delivery: Delivery, batches: list[OpenBatch]) -> None:
    delivery.destination.preflight(context, delivery.targets, delivery.run_id, batches)


def _send(context: RunContext, delivery: Delivery, open_batches: Iterable[OpenBatch]) -> None:
    destination, settings = delivery.destination, delivery.destination.settings
    codec = destination.codec(delivery.targets, delivery.test_event_code)
    batches = StagedBatches(context.directory(delivery.run_id), open_batches, codec)
    settled = partial(context.observer.settled, noun=destination.capabilities.unit)
    recorder = LedgerRecorder(context.ledger, delivery.run_id, batches, context.lock.holder, settled)
    with destination.open(context, delivery.targets, delivery.run_id, delivery.test_event_code) as attempt:
        try:
            deliver(
                batches,
                attempt,
                policy=retry_policy(settings),
                limiter=AdaptiveLimiter(settings.requests_per_second),
                max_in_flight=settings.max_in_flight,
                record=recorder,
                stop=context.stop,
                split=batches.split,
                checklist=destination.checklist,
            )
        finally:
            batches.close()


def _write_left_out(context: RunContext, delivery: Delivery) -> None:
    directory = context.directory(delivery.run_id)
    try:
        write_left_out(context.ledger, delivery.run_id, directory, delivery.destination.excluded)
    except OSError as error:
        raise ResumableError(
            f"The rows that were left out could not be written in {directory}: {error.strerror or error}. "
            "`connector resume` writes them when there is room."
        ) from None


@contextmanager
def concluded(context: RunContext, run_id: str) -> Iterator[None]:
    """Whatever ends the block, the ledger says how the run ended, and for how long it went on.

    Where the ledger itself fails, what went wrong first is still what is raised; the run is found as one that died.
    """
    began = perf_counter()

    def finish(status: RunStatus, error: str | None, *, resumable: bool = True) -> None:
        seconds, holder = perf_counter() - began, context.lock.holder
        context.ledger.runs.finish(run_id, status, seconds=seconds, error=error, resumable=resumable, holder=holder)

    try:
        yield
        status = _final_status(context.ledger, run_id)
    except LockedError:
        # Whoever has taken the run over says how it ends.
        raise
    except (Interrupted, KeyboardInterrupt) as stopped:
        with suppress(ConnectorError):
            finish(RunStatus.INTERRUPTED, str(stopped) or "Interrupted.")
        raise
    except ConnectorError as failure:
        with suppress(ConnectorError):
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
