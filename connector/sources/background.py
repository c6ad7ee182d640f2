"""Reads a result in a thread of its own, a few batches ahead.

The warehouse works while what it gave is transformed, and the main thread stays free to hear Ctrl-C.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

import pyarrow as pa

from connector.errors import Interrupted
from connector.sources.source import Source

_AHEAD = 4
_LOOKS_EVERY = 0.1
"""Seconds after which a wait looks at whether it is still wanted."""


class BackgroundResult:
    """The result of a query that runs in another thread. `schema`, `query_id` and `batches` as in `Result`."""

    def __init__(self, source: Source, sql: str, stop: Event) -> None:
        self._source, self._sql, self._stop = source, sql, stop
        self._queue: Queue[Any] = Queue(_AHEAD)
        self._given_up = Event()
        self._thread = Thread(target=self._read, name="source", daemon=True)
        self._thread.start()
        self.schema: pa.Schema
        self.query_id: str | None
        self.schema, self.query_id = self._next()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`. Raises Interrupted when the run is to stop."""
        while (batch := self._next()) is not None:
            yield batch

    def close(self) -> None:
        """Stops the query where it still runs, and waits for its thread."""
        self._given_up.set()
        while self._thread.is_alive():
            self._source.cancel()
            self._thread.join(_LOOKS_EVERY)

    def _read(self) -> None:
        try:
            with self._source.execute(self._sql) as result:
                self._put((result.schema, result.query_id))
                for batch in result.batches():
                    self._put(batch)
            self._put(None)
        except _GivenUpError:
            pass
        except BaseException as error:
            self._put_last(error)

    def _put(self, item: object) -> None:
        while not self._given_up.is_set():
            try:
                return self._queue.put(item, timeout=_LOOKS_EVERY)
            except Full:
                continue
        raise _GivenUpError

    def _put_last(self, error: BaseException) -> None:
        try:
            self._put(error)
        except _GivenUpError:
            return

    def _next(self) -> Any:
        """What comes next of: the schema with the query's id, the batches, None at the end."""
        while True:
            if self._stop.is_set():
                self.close()
                raise Interrupted("Interrupted before anything was sent.")
            try:
                item = self._queue.get(timeout=_LOOKS_EVERY)
            except Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            return item


class _GivenUpError(Exception):
    """Nobody wants the rest of the result."""


@contextmanager
def read_in_background(source: Source, sql: str, stop: Event) -> Iterator[BackgroundResult]:
    """Runs a query in the background; leaving the context ends it. Raises what `Source.execute` raises."""
    result = BackgroundResult(source, sql, stop)
    try:
        yield result
    finally:
        result.close()
