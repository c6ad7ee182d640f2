"""A query for one database in the words of another."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector.errors import ConfigurationError
from connector.queries.transpile import transpile_query, transpile_type

FILE = Path("queries/purchases.sql")


def on(runs_on: str, sql: str, written_for: str = "snowflake") -> str:
    return " ".join(transpile_query(sql, written_for=written_for, runs_on=runs_on, file=FILE).split())


def executed(sql: str, created: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute(created)
        return connection.execute(sql).fetchall()


def test_a_query_for_the_warehouse_that_it_runs_on_stays_as_it_is() -> None:
    sql = "SELECT  a -- as it was\nFROM t"
    assert transpile_query(sql, written_for="postgresql", runs_on="postgres", file=FILE) == sql


def test_functions_are_called_by_their_other_names() -> None:
    assert on("duckdb", "SELECT IFF(a > 0, 1, 0) AS b FROM t") == "SELECT CASE WHEN a > 0 THEN 1 ELSE 0 END AS b FROM t"
    assert on("tsql", "SELECT a FROM t LIMIT 5", "postgresql") == "SELECT TOP 5 a FROM t"


def test_names_that_sqlalchemy_has_for_databases_are_known() -> None:
    assert on("mssql", "SELECT a FROM t LIMIT 5", "awsathena") == "SELECT TOP 5 a FROM t"


@pytest.mark.parametrize(("written_for", "runs_on"), [("prestoo", "duckdb"), ("presto", "duckbd")])
def test_a_dialect_that_is_not_known_is_named(written_for: str, runs_on: str) -> None:
    with pytest.raises(ConfigurationError, match=r'purchases\.sql: .* is not known\. Did you mean "(presto|duckdb)"\?'):
        on(runs_on, "SELECT 1", written_for)


def test_sql_that_the_dialect_does_not_have_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"purchases\.sql:2: This is not valid presto SQL"):
        on("duckdb", "SELECT a\nFROM (t", "presto")


def test_what_the_other_database_cannot_say_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be translated to the SQL of duckdb"):
        on("duckdb", "SELECT a FROM t FOR UPDATE", "postgresql")


def test_sql_that_nests_too_deep_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nests too deep to be translated"):
        on("duckdb", "SELECT " + "(" * 20_000 + "1" + ")" * 20_000)


@pytest.mark.parametrize("dialect", ["snowflake", "databricks"])
def test_a_text_within_json_has_no_quotation_marks(dialect: str) -> None:
    sql = on("duckdb", "SELECT doc:a::string, doc:b.c::varchar, doc:n::int FROM docs", dialect)
    row = executed(sql, """CREATE TABLE docs AS SELECT '{"a": "x", "b": {"c": "y"}, "n": 2}'::JSON AS doc""")
    assert row == [("x", "y", 2)]


@pytest.mark.parametrize(
    "table",
    [
        "docs AS d, LATERAL FLATTEN(input => d.doc:items) AS f",
        "docs AS d, LATERAL FLATTEN(d.doc:items) AS f",
        "docs AS d, TABLE(FLATTEN(d.doc:items)) AS f",
        "docs AS d, LATERAL FLATTEN(input => d.list) AS f",
        "docs AS d, LATERAL FLATTEN(input => d.doc:items) AS f LEFT JOIN other AS o ON o.id = d.id",
    ],
)
def test_what_flatten_returns_has_a_value_and_an_index(table: str) -> None:
    sql = on("duckdb", f"SELECT f.index, f.value:sku::string, f.value:qty::int FROM {table} ORDER BY f.index")
    created = """
        CREATE TABLE other AS SELECT 1 AS id;
        CREATE TABLE docs AS SELECT 1 AS id, [{'sku': 'a', 'qty': 1}, {'sku': 'b', 'qty': 2}] AS list,
        '{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}'::JSON AS doc
    """
    assert executed(sql, created) == [(0, "a", 1), (1, "b", 2)]


def test_an_outer_flatten_keeps_rows_without_items() -> None:
    sql = on(
        "duckdb", "SELECT d.id, f.value::string FROM docs d LEFT JOIN LATERAL FLATTEN(input => d.l, outer => true) f"
    )
    assert executed(sql, "CREATE TABLE docs AS SELECT 1 AS id, NULL::VARCHAR[] AS l") == [(1, None)]


@pytest.mark.parametrize(
    ("kind", "dialect", "translated"),
    [
        ("number(18,2)", "snowflake", "DECIMAL(18, 2)"),
        ("number", "snowflake", "DECIMAL(38, 0)"),
        ("variant", "snowflake", "JSON"),
        ("timestamp_tz", "snowflake", "TIMESTAMPTZ"),
        ("array<struct<sku string, price numeric>>", "bigquery", "STRUCT(sku TEXT, price DECIMAL(38, 9))[]"),
        ("timestamp", "bigquery", "TIMESTAMPTZ"),
        ("jsonb", "postgresql", "JSON"),
        ("datetime2", "mssql", "TIMESTAMP"),
        ("super", "redshift", "JSON"),
        ("Decimal(18,2)", "duckdb", "Decimal(18,2)"),
        ("bogus", "snowflake", None),
    ],
)
def test_a_type_is_translated(kind: str, dialect: str, translated: str | None) -> None:
    assert transpile_type(kind, written_for=dialect, runs_on="duckdb") == translated


CLICKHOUSE = {
    "SELECT a FROM t PREWHERE b > 1 WHERE a = 1 OR c": "SELECT a FROM t WHERE ( a = 1 OR c ) AND b > 1",
    "SELECT * FROM (SELECT a FROM t FINAL PREWHERE b > 1) AS x": "SELECT * FROM ( SELECT a FROM t WHERE b > 1 ) AS x",
    "SELECT a FROM t AS x FINAL LIMIT 1": "SELECT a FROM t AS x LIMIT 1",
    "SELECT CAST('2026-11-20 10:00:00' AS DateTime64(6, 'UTC')) AS a": "SELECT CAST('2026-11-20 10:00:00' AS TIMESTAMPTZ) AS a",
    "SELECT a::DateTime('UTC') FROM t": "SELECT CAST(a AS TIMESTAMPTZ) FROM t",
}


@pytest.mark.parametrize("sql", CLICKHOUSE)
def test_conditions_and_moments_of_clickhouse_stay(sql: str) -> None:
    assert on("duckdb", sql, "clickhouse") == CLICKHOUSE[sql]
