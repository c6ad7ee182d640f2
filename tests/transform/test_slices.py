"""How much of a result is looked at together: every row once, in order, little at first, and never too much."""

from itertools import islice, repeat

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.transform.slicing import (
    SLICE_BYTES,
    SLICE_ROWS,
    SLICE_ROWS_ALONE,
    each_slice,
    slice_sizes,
    slices_of,
)
from connector.transform.stripped import NO_CLEANING
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.staging.stages import NOW, plain_row, table_of
from tests.transform.harness import compiled


@given(st.lists(st.integers(0, 40), max_size=12), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_slices_are_the_rows_in_their_order_as_many_at_a_time_as_asked_for(
    batches: list[int], sizes: list[int]
) -> None:
    rows, result = sum(batches), list[pa.RecordBatch]()
    for count in batches:
        first = sum(batch.num_rows for batch in result)
        result.append(pa.record_batch({"n": pa.array(range(first, first + count), pa.int64())}))
    slices = list(each_slice(result, {0: NO_CLEANING}, iter([*sizes, *repeat(sizes[-1], rows)])))
    assert [n for one in slices for n in one["c0"].to_pylist()] == list(range(rows))
    assert [n for one in slices for n in one["row_number"].to_pylist()] == list(range(1, rows + 1))
    expected, asked = list[int](), iter([*sizes, *repeat(sizes[-1], rows)])
    while sum(expected) < rows:
        expected.append(min(next(asked), rows - sum(expected)))
    assert [one.num_rows for one in slices] == expected


def test_large_rows_make_small_slices() -> None:
    batch = pa.record_batch({"text": pa.array(["x" * 1_000_000] * 4)})
    slices = list(each_slice([batch] * 20, {0: NO_CLEANING}, repeat(SLICE_ROWS)))
    assert sum(one.num_rows for one in slices) == 80
    assert max(one.nbytes for one in slices) < SLICE_BYTES + batch.nbytes + 1_000


def test_the_first_are_small_where_something_is_to_be_there_early() -> None:
    sizes = list(islice(slice_sizes(SLICE_ROWS, early=True), 32))
    assert sizes[:9] == [1_024] * 4 + [2_048] * 4 + [4_096]
    assert (sizes[-1], sizes) == (SLICE_ROWS, sorted(sizes))
    assert list(islice(slice_sizes(SLICE_ROWS, early=False), 6)) == [SLICE_ROWS] * 6


@pytest.mark.parametrize(("lines", "most"), [(2, SLICE_ROWS), (1, SLICE_ROWS_ALONE)])
def test_rows_that_are_events_by_themselves_come_in_smaller_slices(lines: int, most: int) -> None:
    """What is kept of a row that repeats the one before is little."""
    rows = [plain_row(f"e{number // lines}") for number in range(40_000)]
    table = table_of(rows)
    transform = compiled(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    sizes = [one.num_rows for one in slices_of(table.to_batches(max_chunksize=2_000), transform, None)]
    assert (max(sizes), sum(sizes)) == (most, 40_000)
    assert list(slices_of([], transform, None)) == []
    assert [one.num_rows for one in slices_of(table.to_batches(max_chunksize=2_000), transform, 30_000)] == [
        30_000,
        10_000,
    ]
