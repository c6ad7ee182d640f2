"""Cut a result into slices to transform: large ones are faster, small ones take less memory."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat

import pyarrow as pa

from connector.transform.compiler import CompiledTransform
from connector.transform.row_runs import find_row_runs
from connector.transform.slice_engine import to_chunk
from connector.transform.stripped import Cleaning

SLICE_ROWS = 32_768
SLICE_ROWS_ALONE = 16_384
"""In a slice of a result in which few rows say the same of their event as the row before: of each, all is kept."""

FIRST_ROWS = 1_024
"""In a slice of a result of which something can leave before the rest is there."""

SLICE_BYTES = 32 << 20
_ALIKE = 4
"""So many slices of a size come before those that are twice as large."""


def slices_of(
    batches: Iterable[pa.RecordBatch], compiled: CompiledTransform, slice_rows: int | None
) -> Iterator[pa.Table]:
    """Cut a result into chunks, see `to_chunk`, of `slice_rows` rows, or of a suitable number."""
    source = iter(batches)
    first = next(source, None)
    if first is None:
        return
    early = not compiled.rules.line_items
    sizes = repeat(slice_rows) if slice_rows else slice_sizes(_most_rows(first, compiled), early=early)
    yield from each_slice(chain([first], source), compiled.cleaning, sizes)


def _most_rows(first: pa.RecordBatch, compiled: CompiledTransform) -> int:
    """Return the rows of a slice, estimated from the first rows only, so that every attempt is cut alike."""
    row_runs = find_row_runs(to_chunk([first], compiled.cleaning, 1), compiled.event_columns)
    return SLICE_ROWS if 2 * len(row_runs.starts) <= first.num_rows else SLICE_ROWS_ALONE


def slice_sizes(most: int, *, early: bool) -> Iterator[int]:
    """Yield the largest number of rows of each slice; the first ones are small if results are needed `early`."""
    size = FIRST_ROWS if early else most
    while True:
        yield from repeat(size, _ALIKE)
        size = min(2 * size, most)


def each_slice(
    batches: Iterable[pa.RecordBatch], cleaning: Mapping[int, Cleaning], sizes: Iterator[int]
) -> Iterator[pa.Table]:
    """Cut a result into chunks, see `to_chunk`, of these numbers of rows, or fewer if the rows are large."""
    waiting: list[pa.RecordBatch] = []
    first_row, rows, size, most = 1, 0, 0, next(sizes)
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, most - rows)
            waiting.append(piece)
            at, rows, size = at + piece.num_rows, rows + piece.num_rows, size + piece.nbytes
            if rows == most or size >= SLICE_BYTES:
                yield to_chunk(waiting, cleaning, first_row)
                first_row, rows, size, waiting, most = first_row + rows, 0, 0, [], next(sizes)
    if waiting:
        yield to_chunk(waiting, cleaning, first_row)
