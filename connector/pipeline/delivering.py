"""Sends what is open of a staged run, and says how the run stands afterwards."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from connector.config.destination import EventsDestination
from connector.delivery.sender import deliver
from connector.errors import ConnectorError, Interrupted, StopResumable, TooManyRejects
from connector.ledger.ledger import Ledger
from connector.ledger.records import OpenBatch, RunRecord
from connector.outcomes import RunStatus
from connector.pipeline.observer import Observer
from connector.pipeline.sending import LedgerRecorder, StagedBatches
from connector.pipeline.service import open_service, rate_limiter, retry_policy


@dataclass(frozen=True, slots=True)
class Delivery:
    """A run that is staged in `directory`, and where its events go."""

    run_id: str
    ledger: Ledger
    directory: Path
    destination: EventsDestination
    test_event_code: str | None
    observer: Observer
    stop: threading.Event


def send(delivery: Delivery, open_batches: list[OpenBatch]) -> None:
    """Sends batches until the fate of each is known. Raises StopResumable, and Interrupted where it was stopped."""
    if not open_batches:
        return
    destination = delivery.destination
    batches = StagedBatches(delivery.directory, open_batches)
    told = delivery.observer.settled
    recorder = LedgerRecorder(delivery.ledger, delivery.run_id, batches, delivery.directory, told)
    with open_service(destination, delivery.test_event_code, delivery.observer) as client:
        try:
            deliver(
                batches,
                client.attempt,
                policy=retry_policy(destination),
                limiter=rate_limiter(destination),
                max_in_flight=destination.max_in_flight,
                record=recorder,
                stop=delivery.stop,
                split=batches.split,
            )
        finally:
            recorder.close()
            batches.close()
    if delivery.stop.is_set():
        raise Interrupted("Interrupted; `connector resume` goes on with what was not sent.")


@contextmanager
def concluded(ledger: Ledger, run_id: str) -> Iterator[None]:
    """Whatever ends the block, the ledger says how the run ended, and for how long it went on."""
    began = perf_counter()
    status: RunStatus = RunStatus.FAILED
    error: str | None = "The run ended unexpectedly."
    resumable = True
    try:
        yield
        status, error = _final_status(record_of(ledger, run_id)), None
    except (Interrupted, KeyboardInterrupt) as stopped:
        status, error = RunStatus.INTERRUPTED, str(stopped) or "Interrupted."
        raise
    except ConnectorError as failure:
        error, resumable = failure.message, not isinstance(failure, TooManyRejects)
        raise
    finally:
        seconds = perf_counter() - began
        ledger.finish_run(run_id, status, seconds=seconds, error=error, resumable=resumable)


def record_of(ledger: Ledger, run_id: str) -> RunRecord:
    """The run with this id, which is there."""
    record = ledger.run(run_id)
    if record is None:
        raise ConnectorError(f"Run {run_id} is not in the ledger.")
    return record


def _final_status(record: RunRecord) -> RunStatus:
    if not record.rows.balanced:
        raise StopResumable(f"The rows of run {record.run_id} do not add up: {record.rows}. Please report this.")
    if record.rows.pending:
        raise StopResumable(f"{record.rows.pending:,} rows could not be sent; `connector resume` tries them again.")
    return RunStatus.COMPLETED_WITH_REJECTS if record.rows.rejected else RunStatus.COMPLETED
