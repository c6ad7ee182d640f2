"""Tables in memory: types by values, the tables that a query reads, and a clock that stands still."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.config.warehouse import Warehouse
from connector.sources.duckdb_tables import InvalidValue, MemoryTable, infer_type, memory_database, tables_read
from connector.sources.registry import open_source

NOW = datetime(2026, 11, 20, 6, 15, 30, 250_000, UTC)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], "VARCHAR"),
        ([None], "VARCHAR"),
        ([True, None], "BOOLEAN"),
        ([1, 2], "BIGINT"),
        ([2**63], "HUGEINT"),
        ([True, 1], "VARCHAR"),
        ([1.5], "DECIMAL(18, 1)"),
        ([1, 2.25], "DECIMAL(18, 2)"),
        ([-123456789012345.5], "DECIMAL(18, 1)"),
        ([1e300], "DOUBLE"),
        ([1e-7], "DOUBLE"),
        (["a"], "VARCHAR"),
        (["1"], "VARCHAR"),
        (["a", 1], "VARCHAR"),
        (["2026-11-20", None], "DATE"),
        (["2026-11-20", "2026-11-20 10:00"], "TIMESTAMP"),
        (["2026-11-20T10:00:00.5"], "TIMESTAMP"),
        (["2026-11-20T10:00:00Z"], "TIMESTAMPTZ"),
        (["2026-11-20T10:00:00", "2026-11-20 10:00:00+02:00"], "TIMESTAMPTZ"),
        (["2026-13-20"], "VARCHAR"),
        (["2026-11-20T25:00:00"], "VARCHAR"),
        (["2026-11-20", "soon"], "VARCHAR"),
        (["20261120"], "VARCHAR"),
        ([["a", "b"], None], "VARCHAR[]"),
        ([[1], []], "BIGINT[]"),
        ([[{"a": 1}]], "JSON"),
        ([{"a": 1}], "JSON"),
        ([{"a": 1}, "x"], "JSON"),
    ],
    ids=str,
)
def test_a_type_follows_from_all_values(values: list[Any], kind: str) -> None:
    assert infer_type(values) == kind


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM a", ["a"]),
        ("FROM a SELECT b", ["a"]),
        ("SELECT * FROM a, A AS b", ["A"]),
        ('SELECT * FROM marts."Fct Orders" JOIN x.y.z USING (k)', ["marts.Fct Orders", "x.y.z"]),
        ("SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE k IN (SELECT k FROM c))", ["a", "b", "c"]),
        ("SELECT (SELECT max(v) FROM b) FROM a", ["a", "b"]),
        ("SELECT * FROM a UNION ALL SELECT * FROM b", ["a", "b"]),
        ("WITH x AS (SELECT * FROM a) SELECT * FROM x", ["a"]),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ["a"]),
        ("WITH a AS (SELECT * FROM raw.a) SELECT * FROM a", ["raw.a"]),
        ("WITH x AS (SELECT 1), y AS (SELECT * FROM x JOIN b USING (k)) SELECT * FROM y", ["b"]),
        ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT * FROM t", []),
        ("SELECT * FROM (PIVOT a ON k IN ('x') USING sum(v))", ["a"]),
        ("SELECT * FROM range(3), unnest([1])", []),
        ("SELECT * FROM 'data/a.parquet', 'b.csv.gz', read_csv('c.csv')", []),
        ("SELECT * FROM a SEMI JOIN b USING (k)", ["a", "b"]),
        ("SELECT FROM", []),
    ],
)
def test_the_tables_that_a_query_reads_are_known(sql: str, names: list[str]) -> None:
    assert sorted(map(".".join, tables_read(sql))) == sorted(names)


def rows(sql: str, *tables: MemoryTable, directory: Path) -> list[dict[str, Any]]:
    """The result of a query, through the source of every DuckDB warehouse."""
    with memory_database(tables, NOW) as url:
        warehouse = Warehouse.model_validate({"name": "own", "url": url})
        with open_source(warehouse, directory) as source, source.execute(sql) as result:
            return [row for batch in result.batches() for row in batch.to_pylist()]


CLOCK = {
    "TIMESTAMPTZ": ["now()", "current_timestamp", "get_current_timestamp()", "transaction_timestamp()"],
    "TIMESTAMP": ["localtimestamp", "current_localtimestamp()"],
    "DATE": ["current_date", "current_date()", "today()"],
    "TIME": ["current_time", "get_current_time()", "localtime", "current_localtime()"],
}


@pytest.mark.parametrize("kind", CLOCK)
def test_the_clock_stands_still(kind: str, tmp_path: Path) -> None:
    expected = {
        "TIMESTAMPTZ": NOW,
        "TIMESTAMP": NOW.replace(tzinfo=None),
        "DATE": NOW.date(),
        "TIME": NOW.time(),
    }[kind]
    for function in CLOCK[kind]:
        ((value),) = (row["v"] for row in rows(f"SELECT {function} AS v", directory=tmp_path))
        assert value == expected, function


def test_tables_are_where_the_query_looks_for_them(tmp_path: Path) -> None:
    names: list[tuple[str, ...]] = [
        ("a",),
        ("s", "a"),
        ("s", "B b"),
        ("c", "s", "a"),
        ("c", "s", "d"),
        ("Other", "main", "a"),
    ]
    tables = [MemoryTable(name, {"v": "VARCHAR"}, [{"v": ".".join(name)}]) for name in names]
    sql = 'SELECT v FROM A UNION ALL SELECT v FROM s.a UNION ALL SELECT v FROM S."b B" UNION ALL SELECT v FROM c.s.a UNION ALL SELECT v FROM c.s.d UNION ALL SELECT v FROM other.main.a'
    assert sorted(row["v"] for row in rows(sql, *tables, directory=tmp_path)) == sorted(map(".".join, names))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("VARCHAR", 5, "5"),
        ("VARCHAR", True, "true"),
        ("VARCHAR", None, None),
        ("BIGINT", "5", 5),
        ("BOOLEAN", "yes", True),
        ("DATE", "2026-11-20", NOW.date()),
        ("VARCHAR[]", ["a", None, "ü"], ["a", None, "ü"]),
        ("STRUCT(a VARCHAR, b BIGINT)", {"a": "x", "b": 2}, {"a": "x", "b": 2}),
        ("JSON", '{"a": 1}', '{"a": 1}'),
    ],
    ids=str,
)
def test_a_value_takes_the_type_of_its_column(kind: str, value: Any, expected: Any, tmp_path: Path) -> None:
    (row,) = rows("SELECT v FROM t", MemoryTable(("t",), {"v": kind}, [{"v": value}]), directory=tmp_path)
    assert row["v"] == expected


@pytest.mark.parametrize(
    ("columns", "row", "place"),
    [
        ({"a": "BIGINT", "b": "DATE"}, {"a": 1, "b": "soon"}, (1, "b")),
        ({"a": "BIGINT"}, {"a": "x"}, (1, "a")),
        ({"a": "BIGINT[]"}, {"a": ["x"]}, (1, "a")),
        ({"a": "MONEY"}, {"a": 1}, (None, "a")),
    ],
)
def test_a_value_that_does_not_fit_is_located(
    columns: dict[str, str], row: dict[str, Any], place: tuple[int | None, str]
) -> None:
    with pytest.raises(InvalidValue) as raised, memory_database([MemoryTable(("t",), columns, [{}, row])], NOW):
        pass
    assert (raised.value.row, raised.value.column) == place
