"""Batches leave side by side, never more than are alive at once."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from connector.delivery.batch import Batch, BatchState
from connector.delivery.batch_sender import Attempt, BatchSender
from connector.delivery.bisect import resolve_refusal
from connector.delivery.concurrency import InFlight
from connector.delivery.limiter import Limiter
from connector.delivery.policy import REAL_TIME, RetryPolicy, Timing
from connector.delivery.progress import Progress
from connector.delivery.recorder import Recorder
from connector.delivery.split import Split, split_by_event

READY = 2
"""Batches kept at hand beside those in flight."""


def deliver(
    batches: Iterable[Batch],
    attempt: Attempt,
    *,
    policy: RetryPolicy,
    limiter: Limiter,
    max_in_flight: int,
    record: Recorder,
    stop: threading.Event,
    split: Split = split_by_event,
    timing: Timing = REAL_TIME,
) -> None:
    """Send every batch until its fate is known, at most `max_in_flight` requests at once.

    Fewer are on their way while the service throttles or fails, see `InFlight`.

    Batches are pulled lazily, in order, by the calling thread; at most `max_in_flight` + 2 are alive.
    When `stop` is set no further batch is taken, requests in flight are awaited, and it returns.

    Raises ResumableError when the service would answer every batch alike (the answer's sentence),
    when one batch exhausted its policy, or when everything is refused; after the requests in flight.
    What `batches`, `record`, `split` or `attempt` raise is raised likewise.
    """
    progress = Progress(stop)
    in_flight = InFlight(max_in_flight, timing.clock)
    courier = BatchSender(attempt, policy, limiter, in_flight, record, progress, timing)
    sender = _Sender(courier, split, threading.BoundedSemaphore(max_in_flight + READY))
    with ThreadPoolExecutor(max_in_flight, thread_name_prefix="delivery") as threads:
        try:
            sender.feed(batches, threads)
        except BaseException as error:
            progress.halt(error if isinstance(error, Exception) else InterruptedError())
            raise
    progress.raise_error()


@dataclass(frozen=True, slots=True)
class _Sender:
    courier: BatchSender
    split: Split
    places: threading.BoundedSemaphore

    def feed(self, batches: Iterable[Batch], threads: ThreadPoolExecutor) -> None:
        """Hand over batch after batch, each when there is a place for it."""
        source = iter(batches)
        while self._find_place():
            batch = next(source, None)
            if batch is None:
                return
            threads.submit(self._carry, batch)
            del batch

    def _find_place(self) -> bool:
        self.places.acquire()
        return not self.courier.progress.halted

    def _carry(self, batch: Batch) -> None:
        try:
            self._send(batch)
        except Exception as error:
            self.courier.progress.halt(error)
        finally:
            self.places.release()

    def _send(self, batch: Batch) -> None:
        state, answer = self.courier.send(batch)
        if state is not BatchState.REFUSED or answer is None or batch.events == 1:
            self.courier.record.outcome(batch, state, answer)
            return
        for part, fate in resolve_refusal(batch, answer, self.courier, self.split):
            self.courier.record.outcome(part, *fate)
