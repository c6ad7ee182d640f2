"""Reading of a result in a background thread, a few batches ahead.

The warehouse works while its rows are transformed, and the main thread stays free to receive Ctrl-C.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

import pyarrow as pa

from connector.errors import Interrupted
from connector.sources.source import Source

_QUEUE_BATCHES = 4
_POLL_SECONDS = 0.1
"""Seconds between checks of a wait for cancellation."""


Start = Callable[[Callable[[], None]], object]


def _start_thread(function: Callable[[], None]) -> None:
    Thread(target=function, name="source", daemon=True).start()


class BackgroundResult:
    """The result of a query that runs in another thread; see `Result`."""

    def __init__(
        self, source: Source, sql: str, stop: Event, ahead: int = _QUEUE_BATCHES, start: Start = _start_thread
    ) -> None:
        self._source, self._sql, self._stop = source, sql, stop
        self._queue: Queue[Any] = Queue(ahead)
        self._cancelled, self._ended = Event(), Event()
        start(self._read)
        self.schema: pa.Schema
        self.query_id: str | None
        self.schema, self.query_id = self._take()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`. Raises Interrupted if the run is to stop."""
        while (batch := self._take()) is not None:
            yield batch

    def close(self) -> None:
        """Cancel the query if it still runs, and wait for its thread."""
        self._cancelled.set()
        while not self._ended.is_set():
            self._source.cancel()
            self._ended.wait(_POLL_SECONDS)

    def _read(self) -> None:
        try:
            with self._source.execute(self._sql) as result:
                self._put((result.schema, result.query_id))
                for batch in result.batches():
                    self._put(batch)
            self._put(None)
        except _CancelledError:
            pass
        except BaseException as error:
            self._put_last(error)
        finally:
            self._ended.set()

    def _put(self, item: object) -> None:
        while not self._cancelled.is_set():
            try:
                return self._queue.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
        raise _CancelledError

    def _put_last(self, error: BaseException) -> None:
        try:
            self._put(error)
        except _CancelledError:
            return

    def _take(self) -> Any:
        """Return the next item: the schema with the query's id, the batches, None at the end."""
        while True:
            if self._stop.is_set():
                self.close()
                raise Interrupted("Interrupted before anything was sent.")
            try:
                item = self._queue.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            return item


class _CancelledError(Exception):
    """The rest of the result is not needed."""


@contextmanager
def read_in_background(
    source: Source, sql: str, stop: Event, ahead: int = _QUEUE_BATCHES, start: Start = _start_thread
) -> Iterator[BackgroundResult]:
    """Run a query in the background, up to `ahead` batches ahead; leaving the context ends it.

    `start` calls a function in another thread, else in a new one.

    Raises what `Source.execute` raises.
    """
    result = BackgroundResult(source, sql, stop, ahead, start)
    try:
        yield result
    finally:
        result.close()
