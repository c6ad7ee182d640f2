"""Partition the events of many batches by their keys, in constant memory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from connector.core.hashed_rows import EVENTS
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.key_file import EventNumbers
from connector.staging.storage.keys import as_uint64_pairs, partition_of, partition_order
from connector.staging.storage.open_files import OpenFiles

NUMBERED = EVENTS.append(pa.field("number", pa.int64())).append(pa.field("route", pa.int32()))
"""Events, each with its number as `KeyFile` assigns it, and the number of its route."""

_BYTES_AT_ONCE = 32 << 20


class EventPartitions:
    """Events in partitions by their keys, see `partition_of`; each partition keeps the order in which they were added.

    A single partition stays in memory. Several are buffered and written to a file.
    """

    def __init__(self, directory: Path, partitions: int, bytes_at_once: int = _BYTES_AT_ONCE) -> None:
        self._path, self._partitions, self._bytes_at_once = directory / "shares.arrow", partitions, bytes_at_once
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._places: list[list[int]] = [[] for _ in range(partitions)]
        self._file: ArrowFile | None = None

    def add(self, events: pa.RecordBatch, numbers: EventNumbers, route: int) -> None:
        """Add events (schema EVENTS) of one route."""
        count = events.num_rows
        columns = [*events.columns, pa.array(numbers), pa.repeat(pa.scalar(route, pa.int32()), count)]
        self._waiting.append(pa.record_batch(columns, schema=NUMBERED))
        self._bytes += events.get_total_buffer_size()
        if self._partitions > 1 and self._bytes >= self._bytes_at_once:
            self._write()

    def read(self) -> Iterator[pa.Table]:
        """Yield the events (schema NUMBERED) of each partition. Nothing can be added afterwards."""
        if self._partitions == 1:
            yield pa.Table.from_batches(self._waiting, NUMBERED)
            return
        self._write().close()
        files = OpenFiles(self._path.parent)
        try:
            for places in self._places:
                some = [files.batch(self._path.name, place) for place in places]
                yield pa.Table.from_batches(some, NUMBERED)
        finally:
            files.close()

    def _write(self) -> ArrowFile:
        file = self._file = self._file or ArrowFile(self._path, NUMBERED)
        table = pa.Table.from_batches(self._waiting, NUMBERED)
        self._waiting, self._bytes = [], 0
        order, bounds = partition_order(partition_of(as_uint64_pairs(table["key"]), self._partitions), self._partitions)
        ordered = table.take(pa.array(order)).combine_chunks()
        for partition in np.flatnonzero(np.diff(bounds)):
            for batch in ordered.slice(bounds[partition], bounds[partition + 1] - bounds[partition]).to_batches():
                self._places[partition].append(file.append(batch))
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)
