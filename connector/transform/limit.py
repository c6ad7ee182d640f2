"""The first rows of a result, and of its events nothing less than all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed import KEY
from connector.transform.compiler import CompiledTransform
from connector.transform.engine import Engine, chunk_of


def first_rows(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """The first `limit` rows of a result; the rest is not read. The last event may lack rows that lie further on."""
    left = limit
    for batch in batches:
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return


def first_events(
    batches: Iterable[pa.RecordBatch], limit: int, compiled: CompiledTransform
) -> Iterator[pa.RecordBatch]:
    """The first `limit` rows of a result, and of all the others those that belong to the same events.

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
                begun.add(chunk_of([first], compiled.cleaning, 1))
            if rest.num_rows:
                yield rest.filter(begun.may_have(chunk_of([rest], compiled.cleaning, 1)))
    finally:
        engine.close()


@dataclass(slots=True)
class _Begun:
    """The events that have begun: their keys, and the numbers of their ids, by which rows without a key are known."""

    engine: Engine
    keys: pa.Array
    ids: pa.Array

    def add(self, chunk: pa.Table) -> None:
        """Add the events of these rows."""
        keys = self.engine.keys(chunk)
        self.keys = pc.unique(pa.concat_arrays([self.keys, keys.drop_null()]))
        self.ids = pc.unique(pa.concat_arrays([self.ids, *(one.drop_null() for one in self._ids(chunk))]))

    def may_have(self, chunk: pa.Table) -> pa.Array:
        """Tell of each row whether it is one of such an event, or may be."""
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
    """Whether each value is one of those that are known; NULL is none."""
    return pc.and_(pc.is_in(values, value_set=known), pc.is_valid(values))
