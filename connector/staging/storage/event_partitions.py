"""Events of many batches, put together by their keys in memory that does not grow with their number."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from connector.core.hashed import EVENTS
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.key_file import Numbers
from connector.staging.storage.keys import halves, in_share_order, share_of
from connector.staging.storage.open_files import OpenFiles

NUMBERED = EVENTS.append(pa.field("number", pa.int64())).append(pa.field("route", pa.int32()))
"""Events, each with the number that `KeyFile` gives it, and that of its route."""

_BYTES_AT_ONCE = 32 << 20


class EventPartitions:
    """Events in so many shares by what `share_of` says of their keys, each in the order in which they came.

    One share stays in memory; more lie in a file, to which some bytes are written at once, until they are read.
    """

    def __init__(self, directory: Path, shares: int, bytes_at_once: int = _BYTES_AT_ONCE) -> None:
        self._path, self._shares, self._bytes_at_once = directory / "shares.arrow", shares, bytes_at_once
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._places: list[list[int]] = [[] for _ in range(shares)]
        self._file: ArrowFile | None = None

    def add(self, events: pa.RecordBatch, numbers: Numbers, route: int) -> None:
        """Takes events (schema EVENTS) of one route in."""
        count = events.num_rows
        columns = [*events.columns, pa.array(numbers), pa.repeat(pa.scalar(route, pa.int32()), count)]
        self._waiting.append(pa.record_batch(columns, schema=NUMBERED))
        self._bytes += events.get_total_buffer_size()
        if self._shares > 1 and self._bytes >= self._bytes_at_once:
            self._write()

    def read(self) -> Iterator[pa.Table]:
        """The events (schema NUMBERED), share by share; nothing is added any more."""
        if self._shares == 1:
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
        order, bounds = in_share_order(share_of(halves(table["key"]), self._shares), self._shares)
        ordered = table.take(pa.array(order)).combine_chunks()
        for share in np.flatnonzero(np.diff(bounds)):
            for batch in ordered.slice(bounds[share], bounds[share + 1] - bounds[share]).to_batches():
                self._places[share].append(file.append(batch))
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Deletes the file."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)
