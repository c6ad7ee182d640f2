"""Limit a result to its first rows, and complete the events that start among them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import KEY
from connector.transform.compiler import CompiledTransform
from connector.transform.slice_engine import Engine, to_chunk


def first_rows(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """Yield the first `limit` rows of a result, and read no others. The last event may lack rows that come later."""
    left = limit
    for batch in batches:
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return


def first_events(
    batches: Iterable[pa.RecordBatch], limit: int, compiled: CompiledTransform
) -> Iterator[pa.RecordBatch]:
    """Yield the first `limit` rows of a result, and the later rows that belong to the same events.

    The result is read to its end: rows of one event may lie anywhere in it. Memory grows with `limit` only.
    """
    engine, left = Engine(compiled), limit
    begun = _Begun(engine, pa.array([], KEY), pa.array([], pa.uint64()))
    try:
        for batch in batches:
            first, rest = batch.slice(0, left), batch.slice(left)
            left -= first.num_rows
            if first.num_rows:
                yield first
                begun.add(to_chunk([first], compiled.cleaning, 1))
            if rest.num_rows:
                yield rest.filter(begun.may_have(to_chunk([rest], compiled.cleaning, 1)))
    finally:
        engine.close()


@dataclass(slots=True)
class _Begun:
    """The events that started: their keys, and the numbers of their ids, which identify rows without a key."""

    engine: Engine
    keys: pa.Array
    ids: pa.Array

    def add(self, chunk: pa.Table) -> None:
        """Add the events of these rows."""
        keys = self.engine.keys(chunk)
        self.keys = pc.unique(pa.concat_arrays([self.keys, keys.drop_null()]))
        self.ids = pc.unique(pa.concat_arrays([self.ids, *(one.drop_null() for one in self._ids(chunk))]))

    def may_have(self, chunk: pa.Table) -> pa.Array:
        """Return a flag for each row: true if it may belong to one of these events."""
        keys = self.engine.keys(chunk)
        flags = _among(keys, self.keys)
        if not keys.null_count:
            return flags
        for ids in self._ids(chunk):
            flags = pc.or_(flags, pc.and_(keys.is_null(), _among(ids, self.ids)))
        return flags

    def _ids(self, chunk: pa.Table) -> list[pa.Array]:
        return [column.combine_chunks() for column in self.engine.ids(chunk).columns]


def _among(values: pa.Array, known: pa.Array) -> pa.Array:
    """Return a flag for each value: true if it is known; NULL is not."""
    return pc.and_(pc.is_in(values, value_set=known), pc.is_valid(values))
