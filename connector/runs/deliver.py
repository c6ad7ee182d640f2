"""Sends what is open of a staged run, and says how the run stands afterwards."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from time import perf_counter

from connector.config.destination import EventsDestination
from connector.delivery.sender import deliver
from connector.destinations.tiktok.events.preflight import MOST_ROUTES, check_first
from connector.destinations.tiktok.service import open_service, rate_limiter, retry_policy
from connector.errors import ConnectorError, Interrupted, LockedError, NothingSent, StopResumable, UsageError
from connector.ledger.ledger import Ledger
from connector.ledger.records import OpenBatch
from connector.outcomes import RunStatus
from connector.route import Route
from connector.runs.context import Execution, keep_until
from connector.runs.row_limits import refuse_all_rejected
from connector.staging.sending import LedgerRecorder, StagedBatches, write_left_out


@dataclass(frozen=True, slots=True)
class Delivery:
    """A staged run, and where its events go."""

    run_id: str
    destination: EventsDestination
    test_event_code: str | None


def send(at: Execution, delivery: Delivery, open_batches: list[OpenBatch]) -> None:
    """Sends batches until the fate of each is known. Raises StopResumable, LockedError, Interrupted."""
    send_as_they_come(at, delivery, _checked_together(at, delivery, open_batches))


def send_as_they_come(at: Execution, delivery: Delivery, open_batches: Iterator[OpenBatch]) -> None:
    """The same of batches that are still being staged. The service is opened once there is the first of them."""
    try:
        first = next(open_batches, None)
        if first is not None:
            _send(at, delivery, chain([first], open_batches))
    except BaseException:
        # What stopped it is what is told; what cannot be written now is written when the run goes on.
        with suppress(ConnectorError):
            _write_left_out(at, delivery.run_id)
        raise
    _write_left_out(at, delivery.run_id)
    if at.stop.is_set():
        raise Interrupted("Interrupted. `connector resume` sends the rest.")


def _checked_together(at: Execution, delivery: Delivery, open_batches: list[OpenBatch]) -> Iterator[OpenBatch]:
    if open_batches:
        check_first(at, delivery.destination, open_batches)
    yield from open_batches


def checked_as_they_come(at: Execution, delivery: Delivery, open_batches: Iterable[OpenBatch]) -> Iterator[OpenBatch]:
    """The batches; before the first for an event source leaves, TikTok is asked about that where it is new."""
    known: set[Route] = set()
    for batch in open_batches:
        if batch.record.route not in known and len(known) < MOST_ROUTES:
            known.add(batch.record.route)
            check_first(at, delivery.destination, [batch])
        yield batch


def _send(at: Execution, delivery: Delivery, open_batches: Iterable[OpenBatch]) -> None:
    destination, code = delivery.destination, delivery.test_event_code
    batches = StagedBatches(at.directory(delivery.run_id), open_batches, keep_until=keep_until(destination, code))
    recorder = LedgerRecorder(at.ledger, delivery.run_id, batches, at.lock.holder, at.observer.settled)
    with open_service(destination, code, at.observer, at.project.state_directory, at.stop) as client:
        try:
            deliver(
                batches,
                client.attempt,
                policy=retry_policy(destination),
                limiter=rate_limiter(destination),
                max_in_flight=destination.max_in_flight,
                record=recorder,
                stop=at.stop,
                split=batches.split,
            )
        finally:
            batches.close()


def _write_left_out(at: Execution, run_id: str) -> None:
    directory = at.directory(run_id)
    try:
        write_left_out(at.ledger, run_id, directory)
    except OSError as error:
        raise StopResumable(
            f"The rows that were left out could not be written in {directory}: {error.strerror or error}. "
            "`connector resume` writes them when there is room."
        ) from None


@contextmanager
def concluded(at: Execution, run_id: str) -> Iterator[None]:
    """Whatever ends the block, the ledger says how the run ended, and for how long it went on.

    Where the ledger itself fails, what went wrong first is still what is raised; the run is found as one that died.
    """
    began = perf_counter()

    def finish(status: RunStatus, error: str | None, *, resumable: bool = True) -> None:
        seconds, holder = perf_counter() - began, at.lock.holder
        at.ledger.runs.finish(run_id, status, seconds=seconds, error=error, resumable=resumable, holder=holder)

    try:
        yield
        status = _final_status(at.ledger, run_id)
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
        raise StopResumable(f"The rows of run {record.run_id} do not add up: {record.rows}. Please report this.")
    if record.rows.pending:
        raise StopResumable(f"{record.rows.pending:,} rows could not be sent; `connector resume` tries them again.")
    if ledger.batches.open(run_id):
        raise StopResumable("Not every change of the audience was taken; `connector resume` tries the others again.")
    refuse_all_rejected(record.rows.read, record.rejects)
    return RunStatus.COMPLETED_WITH_REJECTS if record.rows.rejected else RunStatus.COMPLETED
