"""How much of a result is looked at together: every row once, in order, little at first, and never too much."""

from itertools import islice, repeat

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connector.transform.stream import SLICE_BYTES, SLICE_ROWS, each_slice, slice_sizes


@given(st.lists(st.integers(0, 40), max_size=12), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_slices_are_the_rows_in_their_order_as_many_at_a_time_as_asked_for(
    batches: list[int], sizes: list[int]
) -> None:
    rows, result = sum(batches), list[pa.RecordBatch]()
    for count in batches:
        first = sum(batch.num_rows for batch in result)
        result.append(pa.record_batch({"n": pa.array(range(first, first + count), pa.int64())}))
    slices = list(each_slice(result, [0], iter([*sizes, *repeat(sizes[-1], rows)])))
    assert [n for one in slices for n in one["c0"].to_pylist()] == list(range(rows))
    assert [n for one in slices for n in one["row_number"].to_pylist()] == list(range(1, rows + 1))
    expected, asked = list[int](), iter([*sizes, *repeat(sizes[-1], rows)])
    while sum(expected) < rows:
        expected.append(min(next(asked), rows - sum(expected)))
    assert [one.num_rows for one in slices] == expected


def test_large_rows_make_small_slices() -> None:
    batch = pa.record_batch({"text": pa.array(["x" * 1_000_000] * 4)})
    slices = list(each_slice([batch] * 20, [0], repeat(SLICE_ROWS)))
    assert sum(one.num_rows for one in slices) == 80
    assert max(one.nbytes for one in slices) < SLICE_BYTES + batch.nbytes + 1_000


def test_the_first_are_small_where_something_is_to_be_there_early() -> None:
    sizes = list(islice(slice_sizes(early=True), 32))
    assert sizes[:9] == [1_024] * 4 + [2_048] * 4 + [4_096]
    assert (sizes[-1], sizes) == (SLICE_ROWS, sorted(sizes))
    assert list(islice(slice_sizes(early=False), 6)) == [SLICE_ROWS] * 6
