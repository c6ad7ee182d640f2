"""Batches are sent while the result is read on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Event

from connector.ledger.records import BatchRecord, OpenBatch
from connector.staging.streaming import HandOn

_LOOKS_EVERY = 0.1
"""Seconds after which waiting for a batch looks at whether one is still wanted."""

Stage = Callable[[HandOn, Event], None]
"""Reads and stages a result until the event is set, and hands on every batch as soon as it may leave."""


@contextmanager
def while_reading(stage: Stage, stop: Event) -> Iterator[Iterator[OpenBatch]]:
    """The batches that `stage` hands on, which works in a thread of its own until the block ends.

    Reading waits for nobody: what is not asked for yet lies on disk. The batches end where `stage` ends, or `stop` is
    set; what `stage` raised is raised at the end of the block.
    """
    handed_on: SimpleQueue[Sequence[BatchRecord] | None] = SimpleQueue()
    unwanted = Event()

    def read() -> None:
        try:
            stage(handed_on.put, unwanted)
        finally:
            handed_on.put(None)

    with ThreadPoolExecutor(1, thread_name_prefix="staging") as thread:
        reading = thread.submit(read)
        try:
            yield _batches(handed_on, stop)
        finally:
            unwanted.set()
        reading.result()


def _batches(handed_on: "SimpleQueue[Sequence[BatchRecord] | None]", stop: Event) -> Iterator[OpenBatch]:
    while not stop.is_set():
        try:
            records = handed_on.get(timeout=_LOOKS_EVERY)
        except Empty:
            continue
        if records is None:
            return
        yield from map(OpenBatch, records)
