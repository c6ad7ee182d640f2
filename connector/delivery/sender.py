"""Send the batches of a run concurrently, with a limit on those in memory."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from connector.delivery.admission import OnWait
from connector.delivery.batch import Batch, BatchState
from connector.delivery.batch_sender import Attempt, BatchSender
from connector.delivery.bisect import Checklist, Split, bisect_batch, name_resource, split_by_event
from connector.delivery.concurrency import InFlight
from connector.delivery.delivery_state import DeliveryState
from connector.delivery.limiter import Limiter
from connector.delivery.recorder import Recorder
from connector.delivery.retry_policy import REAL_TIME, RetryPolicy, Timing

READ_AHEAD = 2
"""Batches in memory besides those that are being sent."""


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
    checklist: Checklist = name_resource,
    timing: Timing = REAL_TIME,
    on_wait: OnWait | None = None,
    accepted_by_others: Callable[[], int] = lambda: 0,
) -> None:
    """Send every batch until its outcome is known, with at most `max_in_flight` concurrent requests.

    While the service throttles or fails there are fewer, see `InFlight`. `on_wait` is called before a batch waits for
    its next attempt, from several threads. `accepted_by_others` returns how much the service has accepted from other
    senders of the run since this one began; it is asked when the service refuses or fails.

    The calling thread pulls the batches lazily and in order; at most `max_in_flight` + 2 are in memory. Once `stop` is
    set, it takes no further batch, waits for the requests in flight and returns.

    Raises ResumableError, after the requests in flight, if the service would give every batch the same answer (its
    message), if one batch exhausted its policy, or if everything is refused. Passes on what `batches`, `record`,
    `split` or `attempt` raise in the same way.
    """
    state = DeliveryState(stop, accepted_by_others)
    in_flight = InFlight(max_in_flight, timing.clock)
    sender = BatchSender(attempt, policy, limiter, in_flight, record, state, timing, on_wait)
    delivery = _Delivery(sender, split, checklist, threading.BoundedSemaphore(max_in_flight + READ_AHEAD))
    with ThreadPoolExecutor(max_in_flight, thread_name_prefix="delivery") as threads:
        try:
            delivery.feed(batches, threads)
        except BaseException as error:
            state.halt(error if isinstance(error, Exception) else InterruptedError())
            raise
    state.raise_error()


@dataclass(frozen=True, slots=True)
class _Delivery:
    sender: BatchSender
    split: Split
    checklist: Checklist
    slots: threading.BoundedSemaphore

    def feed(self, batches: Iterable[Batch], threads: ThreadPoolExecutor) -> None:
        """Submit one batch after the other, each once there is a slot for it."""
        source = iter(batches)
        while self._take_slot():
            batch = next(source, None)
            if batch is None:
                return
            threads.submit(self._work, batch)
            del batch

    def _take_slot(self) -> bool:
        self.slots.acquire()
        return not self.sender.state.halted

    def _work(self, batch: Batch) -> None:
        try:
            self._send(batch)
        except Exception as error:
            self.sender.state.halt(error)
        finally:
            self.slots.release()

    def _send(self, batch: Batch) -> None:
        state, answer = self.sender.send(batch)
        if state is not BatchState.REFUSED or answer is None or batch.events == 1:
            self.sender.record.outcome(batch, state, answer)
            return
        for part, outcome in bisect_batch(batch, answer, self.sender, self.split, self.checklist):
            self.sender.record.outcome(part, *outcome)
