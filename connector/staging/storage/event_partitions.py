"""Partition the events of many batches by their keys, in constant memory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from connector.core.disk import sync
from connector.core.hashed_rows import EVENTS
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.key_file import EventNumbers
from connector.staging.storage.keys import as_uint64_pairs, partition_of, partition_order
from connector.staging.storage.open_files import OpenFiles

NUMBERED = EVENTS.append(pa.field("number", pa.int64())).append(pa.field("route", pa.int32()))
"""Events, each with its number as `KeyFile` assigns it, and the number of its route."""

SHARES_FILE = "shares.arrow"
_BYTES_AT_ONCE = 32 << 20


class EventPartitions:
    """Events in partitions by their keys, see `partition_of`; each partition keeps the order in which they were added.

    A single partition stays in memory. Several are buffered and written to a file, which `keep` leaves to others.
    """

    def __init__(
        self, directory: Path, partitions: int, bytes_at_once: int = _BYTES_AT_ONCE, *, keep: bool = False
    ) -> None:
        self._path, self._partitions, self._bytes_at_once = directory / SHARES_FILE, partitions, bytes_at_once
        self._keep = keep
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
        if (self._partitions > 1 or self._keep) and self._bytes >= self._bytes_at_once:
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

    def finish(self) -> list[list[int]]:
        """Write all events and fsync the file, and return the places of the record batches of each partition."""
        self._write().close()
        sync(self._path)
        return self._places

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
            if not self._keep:
                self._path.unlink(missing_ok=True)
