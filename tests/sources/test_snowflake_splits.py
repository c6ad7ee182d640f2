"""Division of the results of Snowflake, against a stand-in that speaks its protocol."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from connector.core.split_plan import SplitPlan
from connector.errors import SourceError
from connector.sources.snowflake_splits import divide_chunks
from connector.sources.split import execute_split, plan_splits
from tests.snowflake.account import Account
from tests.sources.splitting import table
from tests.sources.warehouses import opened

SQL = """
SELECT n, 'user' || n AS name, CAST(n AS NUMBER(12, 2)) / 4 AS price, DATEADD(minute, n, '2026-01-01'::TIMESTAMP) AS at
FROM (SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 10000)))
"""


@pytest.fixture(autouse=True)
def as_usual(snowflake: Account) -> None:
    snowflake.set(expired=False, renewable=True, chunk_rows=700)


def in_splits(snowflake: Account, sql: str, wanted: int) -> tuple[SplitPlan, list[pa.Table]]:
    """The rows of each split, in sessions of their own, once that of the driver is closed."""
    with opened(directory=Path(), **snowflake.settings) as driver, plan_splits(driver, sql, wanted) as plan:
        places = json.loads(json.dumps(list(plan.places)))
    tables = []
    for place in places:
        with opened(directory=Path(), **snowflake.settings) as source, execute_split(source, sql, place) as result:
            assert result.query_id == plan.query_id
            tables.append(table(result))
    return plan, tables


@pytest.mark.parametrize("wanted", [1, 2, 5, 100])
def test_a_result_is_divided_by_its_chunks_and_the_query_runs_once(snowflake: Account, wanted: int) -> None:
    plan, tables = in_splits(snowflake, SQL, wanted)
    assert [asked for asked in snowflake.log("sql") if "GENERATOR" in asked] == [SQL]
    assert (plan.is_lasting, plan.note) == (True, None)
    assert len(tables) == min(wanted, 14)
    with opened(directory=Path(), **snowflake.settings) as source, source.execute(SQL) as result:
        whole = table(result)
    assert pa.concat_tables(tables) == whole
    assert max(map(len, tables)) < 2 * len(whole) / len(tables)


@pytest.mark.parametrize(("sql", "rows"), [("SELECT 1 AS n", 1), ("SELECT 1 AS n WHERE 1 = 0", 0)])
def test_a_small_result_is_one_split_with_the_reason(snowflake: Account, sql: str, rows: int) -> None:
    plan, tables = in_splits(snowflake, sql, 4)
    assert [len(one) for one in tables] == [rows]
    assert tables[0].schema.names == ["N"]
    assert plan.note == "The result is read by one task: Snowflake keeps it in one chunk."


def test_a_place_holds_the_id_of_the_query_and_numbers(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as driver, plan_splits(driver, SQL, 3) as plan:
        assert [set(place) for place in plan.places] == [{"query_id", "query", "chunks", "rows"}] * 3
        assert "http" not in json.dumps(list(plan.places))


def test_a_result_that_the_warehouse_keeps_is_not_asked_for_again(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as source, plan_splits(source, SQL, 3) as plan:
        known = json.loads(json.dumps(list(plan.places)))
    with opened(directory=Path(), **snowflake.settings) as source:
        with plan_splits(source, SQL, 5, known=known) as again:
            assert (list(again.places), again.query_id, again.is_lasting) == (known, plan.query_id, True)
        assert len([asked for asked in snowflake.log("sql") if "GENERATOR" in asked]) == 1
        gone = [{**place, "query_id": "01be0000-0000-0000-0000-000000000000"} for place in known]
        for sql, places in ((f"{SQL} -- changed", known), (SQL, gone), (SQL, [{**known[0], "rows": 7}]), (SQL, [{}])):
            with plan_splits(source, sql, 3, known=places) as other:
                assert other.query_id not in {plan.query_id, places[0].get("query_id")}


@pytest.mark.parametrize("change", [{"rows": 7}, {"query_id": "01be0000-0000-0000-0000-000000000000"}])
def test_another_result_than_the_divided_one_is_refused(snowflake: Account, change: dict[str, object]) -> None:
    with opened(directory=Path(), **snowflake.settings) as source, plan_splits(source, SQL, 3) as plan:
        with pytest.raises(SourceError), execute_split(source, SQL, {**plan.places[0], **change}):
            pass


def test_a_query_that_fails_fails_as_without_division(snowflake: Account) -> None:
    messages = []
    with opened(directory=Path(), **snowflake.settings) as source:
        for reading in (source.execute("SELECT nothing"), plan_splits(source, "SELECT nothing", 3)):
            with pytest.raises(SourceError) as caught, reading:
                pass
            messages.append(caught.value.message.partition(" (query ")[0])
    assert messages[0] == messages[1]


@pytest.mark.parametrize("rows", [[], [0], [5], [1, 1, 1, 1], [1000, 1, 1, 1], [0, 0, 10, 0], [3, 700, 700, 12, 700]])
@pytest.mark.parametrize("wanted", [1, 2, 3, 9])
def test_chunks_are_divided_without_a_gap(rows: Sequence[int], wanted: int) -> None:
    places = divide_chunks("id", "SELECT 1", rows, wanted).places
    assert 1 <= len(places) <= max(1, wanted)
    edges = [edge for place in places for edge in place["chunks"]]
    assert edges[0] == 0
    assert edges[-1] == len(rows)
    assert edges[1:-1:2] == edges[2:-1:2]
    assert sum(place["rows"] for place in places) == sum(rows)
