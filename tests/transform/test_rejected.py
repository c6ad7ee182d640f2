"""Rows that are left out may be gathered from several slices: nothing of them is lost, and their order stays."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from connector.core.hashed_rows import HashedRows
from connector.transform import excluded as rejected
from connector.transform.excluded import ExcludedCollector, Rejected
from connector.transform.stream import hash_rows
from connector.transform.template import Column, DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled
from tests.transform.test_unreadable import TWICE

NOW = 1_700_000_000
ROWS = 60


def table(**more: object) -> pa.Table:
    """Rows of which every third is rejected, and every sixth is a duplicate of the row before."""
    numbers = [row - (row % 6 == 2) for row in range(ROWS)]
    given = {
        "timestamp": [NOW] * ROWS,
        "event": ["Purchase" if row % 3 else "Nothing" for row in range(ROWS)],
        "email": [f"jo{row}@example.org" for row in numbers],
        "description": [f"jo{row}@example.org {row}" for row in range(ROWS)],
    }
    return pa.table({**given, **more})


def left_out(read: pa.Table, template: DataTemplate, *, gather: bool) -> list[pa.Table]:
    """What is left out of each part, in slices of seven rows."""
    transform = compiled(read, Settings(started_at=NOW), template)
    parts = hash_rows(read.to_batches(max_chunksize=5), transform, threads=2, slice_rows=7, gather=gather)
    return [part.excluded for part in parts]


PLAIN = DataTemplate("tiktok_events")


@pytest.mark.parametrize("enough", [1, 4, 10_000])
def test_gathered_rows_are_those_of_each_slice(monkeypatch: pytest.MonkeyPatch, enough: int) -> None:
    expected = left_out(table(), PLAIN, gather=False)
    monkeypatch.setattr(rejected, "ENOUGH", enough)
    gathered = left_out(table(), PLAIN, gather=True)
    assert pa.concat_tables(gathered) == pa.concat_tables(expected)
    assert pa.concat_tables(gathered).num_rows > ROWS // 3
    assert gathered[0].num_rows > 0
    if enough == 10_000:
        assert [one.num_rows for one in gathered[1:-1]] == [0] * (len(gathered) - 2)


def test_rows_that_wait_are_not_lost_where_the_source_fails() -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield from table().to_batches(max_chunksize=5)[:8]
        raise RuntimeError

    transform = compiled(table(), Settings(started_at=NOW), PLAIN)
    parts: list[HashedRows] = []
    with pytest.raises(RuntimeError):
        parts.extend(hash_rows(failing(), transform, threads=1, slice_rows=7, gather=True))
    rows = pa.concat_tables([part.excluded for part in parts])["row"].to_pylist()
    assert rows == sorted(rows)
    assert len(rows) == sum(sum(part.rejects.values()) + sum(part.skips.values()) for part in parts) > 7


def test_the_order_stays_where_a_row_cannot_be_read() -> None:
    odd = pa.array([[("b", "1"), ("b", "2")] if row == 31 else None for row in range(ROWS)], TWICE.type)
    template = DataTemplate("own", sources={"properties.x": (Column("x"),)})
    expected = left_out(table(x=odd), template, gather=False)
    gathered = left_out(table(x=odd), template, gather=True)
    assert pa.concat_tables(gathered) == pa.concat_tables(expected)
    assert 32 in pa.concat_tables(gathered)["row"].to_pylist()


def test_a_row_of_which_nothing_can_be_kept_keeps_its_reason() -> None:
    transform = compiled(table(), Settings(started_at=NOW), PLAIN)
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    names = sorted({f"c{index}" for index in transform.cleaning})
    row = pa.table({**dict.fromkeys(names, bad), "row_number": pa.array([5], pa.int64())})
    row = row.set_column(names.index("c0"), "c0", pa.array([NOW], pa.int64()))
    with ExcludedCollector(transform) as gathered:
        assert gathered.add(Rejected(row, pa.array([3], pa.uint8()).to_numpy())).num_rows == 0
        kept = gathered.rest().to_pylist()
    assert [(one["row"], one["outcome"]) for one in kept] == [(5, "rejected")]
