"""Stage a result in a background thread while its first batches are sent."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Event

from connector.ledger.batch_records import BatchRecord, OpenBatch
from connector.staging.streaming import Publish

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
