"""The engine gets the memory that a slice needs."""

import duckdb
import pyarrow as pa
import pytest

from connector.transform import slice_engine
from connector.transform.slice_engine import Engine, EnginePool, SliceEngine, to_chunk
from connector.transform.stream import transform_slices
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled

NOW = 1_700_000_000


@pytest.mark.thorough
def test_rows_that_need_more_memory_than_usual_get_it() -> None:
    rows = 20_000
    table = pa.table(
        {
            "timestamp": [NOW] * rows,
            "event": ["Purchase"] * rows,
            "email": [f"user{n}@example.com" for n in range(rows)],
            "description": ["x" * 20_000] * rows,
        }
    )
    transform = compiled(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    own = Engine(transform)
    limit = "SELECT current_setting('memory_limit')"
    before = own._connection.execute(limit).fetchall()
    hashed = own.rows(to_chunk(table.to_batches(), transform.cleaning, 1))
    after = own._connection.execute(limit).fetchall()
    own.close()
    assert hashed.num_rows == rows
    assert before != after, f"{rows} rows of 20 kB fit into {slice_engine.SMALL_MEMORY}: the test needs larger ones"


class Made:
    """Keeps the engines that were made."""

    def __init__(self) -> None:
        self.engines: list[SliceEngine] = []

    def make(self) -> SliceEngine:
        self.engines.append(SliceEngine("US"))
        return self.engines[-1]

    def are_closed(self) -> bool:
        for own in self.engines:
            with pytest.raises(duckdb.ConnectionException):
                own.execute("after", "SELECT * FROM after", pa.table({"n": [0]}))
        return True


def doubled(own: SliceEngine, chunk: pa.Table) -> list[int]:
    doubled: list[int] = own.execute("given", "SELECT 2 * n AS n FROM given", chunk)["n"].to_pylist()
    return doubled


def test_a_result_of_one_slice_is_transformed_by_one_engine() -> None:
    made = Made()
    assert list(transform_slices([pa.table({"n": [1, 2]})], made.make, doubled, threads=8)) == [[2, 4]]
    assert len(made.engines) == 1
    assert made.are_closed()


def test_there_are_no_more_engines_than_threads_and_what_comes_out_keeps_its_order() -> None:
    made = Made()
    slices = [pa.table({"n": [number]}) for number in range(12)]
    assert list(transform_slices(slices, made.make, doubled, threads=2)) == [[2 * number] for number in range(12)]
    assert len(made.engines) in {1, 2}
    assert made.are_closed()


def test_engines_are_closed_where_a_slice_cannot_be_transformed() -> None:
    made = Made()
    with pytest.raises(duckdb.BinderException):
        list(transform_slices([pa.table({"other": [1]})], made.make, doubled, threads=2))
    assert made.are_closed()


def test_an_engine_that_is_kept_for_the_next_result_holds_no_rows() -> None:
    made, pool = Made(), EnginePool[SliceEngine]()
    for number in range(3):
        chunk = pa.table({"n": [number]})
        assert list(transform_slices([chunk], made.make, doubled, 1, pool)) == [[2 * number]]
        pool.release()
        (own,) = made.engines
        assert not own._prepared["given"].table.num_rows
    pool.close()
    assert made.are_closed()


def test_an_engine_that_a_row_has_restarted_is_not_kept() -> None:
    made, pool = Made(), EnginePool[SliceEngine]()
    for _ in range(2):
        with pool.engine(made.make) as own:
            own.restart()
        pool.release()
    assert len(made.engines) == 2
    assert made.are_closed()
