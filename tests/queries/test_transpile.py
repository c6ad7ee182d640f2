"""A query for one database in the words of another."""

from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.queries.transpile import transpile_query

FILE = Path("queries/purchases.sql")


def on(runs_on: str, sql: str, written_for: str = "snowflake") -> str:
    return " ".join(transpile_query(sql, written_for=written_for, runs_on=runs_on, file=FILE).split())


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
