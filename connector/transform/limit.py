"""The first rows of a result, and of its events nothing less than all."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.hashed import KEY
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
    engine, left, begun = Engine(compiled), limit, pa.array([], KEY)
    try:
        for batch in batches:
            first, rest = batch.slice(0, left), batch.slice(left)
            left -= first.num_rows
            if first.num_rows:
                yield first
                begun = pc.unique(pa.concat_arrays([begun, _keys(engine, first, compiled).drop_null()]))
            if rest.num_rows:
                yield rest.filter(_among(_keys(engine, rest, compiled), begun))
    finally:
        engine.close()


def _keys(engine: Engine, batch: pa.RecordBatch, compiled: CompiledTransform) -> pa.Array:
    return engine.keys(chunk_of([batch], compiled.cleaning, 1))


def _among(keys: pa.Array, begun: pa.Array) -> pa.Array:
    """Whether each key is one of those that have begun; a row without a key belongs to no event."""
    return pc.and_(pc.is_in(keys, value_set=begun), pc.is_valid(keys))
