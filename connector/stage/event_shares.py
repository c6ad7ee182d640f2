"""Events of many batches, put together by their keys in memory that does not grow with their number."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from connector.hashed import EVENTS
from connector.stage.key_file import Numbers
from connector.stage.keys import halves, share_of

NUMBERED = EVENTS.append(pa.field("number", pa.int64())).append(pa.field("route", pa.int16()))
"""Events, each with the number that `KeyFile` gives it, and that of its route."""

_BYTES_AT_ONCE = 32 << 20


class EventShares:
    """Events in so many shares by what `share_of` says of their keys, each in the order in which they came.

    One share stays in memory; more lie in a file, to which some bytes are written at once, until they are read.
    """

    def __init__(self, directory: Path, shares: int, bytes_at_once: int = _BYTES_AT_ONCE) -> None:
        self._path, self._shares, self._bytes_at_once = directory / "shares.arrow", shares, bytes_at_once
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._places: list[list[int]] = [[] for _ in range(shares)]
        self._written = 0
        self._sink: pa.OSFile | None = None
        self._writer: pa.RecordBatchFileWriter | None = None

    def add(self, events: pa.RecordBatch, numbers: Numbers, route: int) -> None:
        """Takes events (schema EVENTS) of one route in."""
        count = events.num_rows
        columns = [*events.columns, pa.array(numbers), pa.repeat(pa.scalar(route, pa.int16()), count)]
        self._waiting.append(pa.record_batch(columns, schema=NUMBERED))
        self._bytes += events.get_total_buffer_size()
        if self._shares > 1 and self._bytes >= self._bytes_at_once:
            self._write()

    def read(self) -> Iterator[pa.Table]:
        """The events (schema NUMBERED), share by share; nothing is added any more."""
        if self._shares == 1:
            yield pa.Table.from_batches(self._waiting, NUMBERED)
            return
        writer = self._write()
        writer.close()
        with pa.OSFile(str(self._path), "rb") as source, pa.ipc.open_file(source) as reader:
            for places in self._places:
                yield pa.Table.from_batches([reader.get_batch(place) for place in places], NUMBERED)

    def _write(self) -> pa.RecordBatchFileWriter:
        if self._writer is None:
            self._sink = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_file(self._sink, NUMBERED)
        table = pa.Table.from_batches(self._waiting, NUMBERED)
        self._waiting, self._bytes = [], 0
        shares = share_of(halves(table["key"]), self._shares)
        order = np.argsort(shares, kind="stable")
        ends = np.searchsorted(shares[order], np.arange(self._shares + 1))
        ordered = table.take(pa.array(order)).combine_chunks()
        for share in np.flatnonzero(np.diff(ends)):
            for batch in ordered.slice(ends[share], ends[share + 1] - ends[share]).to_batches():
                self._writer.write_batch(batch)
                self._places[share].append(self._written)
                self._written += 1
        return self._writer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Deletes the file."""
        if self._sink is not None:
            self._sink.close()
            self._path.unlink(missing_ok=True)
