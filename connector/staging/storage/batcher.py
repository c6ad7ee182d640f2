"""Cut a stream of events into full batches, each of one route and none too large for a request."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import HashedEvents
from connector.core.route import Route

BATCH_EVENTS = 1_000
BATCH_BYTES = 4 << 20

_EVENT_OVERHEAD = 64


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much a destination takes in one request."""

    events: int = BATCH_EVENTS
    size: int = BATCH_BYTES
    """Bytes of the request."""


DEFAULT_LIMITS = BatchLimits()


class Batcher:
    """Holds back the events of each route until they fill a batch."""

    def __init__(self, batch_events: int = BATCH_EVENTS, batch_bytes: int = BATCH_BYTES) -> None:
        self._batch_events, self._batch_bytes = batch_events, batch_bytes
        self._waiting: dict[Route, pa.Table] = {}

    def add(self, events: HashedEvents) -> Iterator[tuple[Route, pa.RecordBatch]]:
        """Add events, and yield the batches that they fill."""
        waiting = self._waiting.pop(events.route, None)
        table = pa.concat_tables([waiting, events.table]) if waiting else events.table
        yield from self._cut(events.route, table, keep_rest=True)

    def drain(self) -> Iterator[tuple[Route, pa.RecordBatch]]:
        """Yield the events that are left, in one or more batches for each route."""
        for route, table in self._waiting.items():
            yield from self._cut(route, table, keep_rest=False)
        self._waiting = {}

    def _cut(self, route: Route, table: pa.Table, *, keep_rest: bool) -> Iterator[tuple[Route, pa.RecordBatch]]:
        if not table.num_rows:
            return
        ends = np.cumsum(_sizes(table))
        start = 0
        while start < table.num_rows:
            before = ends[start - 1] if start else 0
            fitting = int(np.searchsorted(ends, before + self._batch_bytes, side="right"))
            end = min(max(fitting, start + 1), start + self._batch_events)
            if keep_rest and end >= table.num_rows and end - start < self._batch_events:
                self._waiting[route] = table.slice(start)
                return
            # Only the events that were waiting are copied, so that a batch is contiguous.
            yield route, table.slice(start, end - start).combine_chunks().to_batches()[0]
            start = end


def _sizes(events: pa.Table) -> npt.NDArray[np.int64]:
    heads = pc.binary_length(events["head"]).to_numpy()
    of_lines = pc.fill_null(pc.binary_length(pc.struct_field(pc.list_flatten(events["lines"]), "item")), 0).to_numpy()
    lines = pc.list_value_length(events["lines"]).to_numpy()
    items = np.add.reduceat(of_lines.astype(np.int64) + 1, np.cumsum(lines) - lines)
    sizes: npt.NDArray[np.int64] = heads + items + _EVENT_OVERHEAD
    return sizes
