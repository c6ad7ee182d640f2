"""Division of results: the rows of all splits, in order, are the rows of one reading."""

from pathlib import Path

import pytest

from connector.sources.split import execute_split, plan_splits
from tests.sources.warehouses import opened


@pytest.mark.parametrize("wanted", [1, 8])
def test_a_warehouse_that_cannot_divide_is_one_split_with_the_reason(tmp_path: Path, wanted: int) -> None:
    sql = "SELECT 1 AS n UNION ALL SELECT 2"
    with opened("sqlite:///:memory:", tmp_path) as source:
        with plan_splits(source, sql, wanted) as plan:
            assert (list(plan.places), plan.is_lasting, plan.query_id) == ([{}], True, None)
            assert plan.note
            assert plan.note.startswith("The result is read by one task")
        with execute_split(source, sql, plan.places[0]) as result:
            assert [n for batch in result.batches() for n in batch["n"].to_pylist()] == [1, 2]
