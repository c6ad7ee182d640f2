"""Tests of queries that read models of dbt."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import inside
from tests.dbt.project import beside_recorded

TEST = """
started_at: 2026-11-20T06:15:00Z
tests:
  an_order_is_an_event:
    {given}
      - {{order_id: R1, email: ann@example.com, timestamp: 2026-11-19 10:00:00, value: 10.5}}
    expect:
      events:
        - {{order_id: R1, email: ann@example.com, value: 10.5}}
"""


@pytest.mark.parametrize("url", ["duckdb:///shop.duckdb", "bigquery://project", "snowflake://user@account/DB"])
@pytest.mark.parametrize("kind", ["model", "query", "result"])
def test_rows_are_given_by_the_name_of_the_model(tmp_path: Path, kind: str, url: str) -> None:
    orchestration: dict[str, Any] = {"query": "orders"} if kind == "query" else {"model": "fct_orders"}
    made = beside_recorded(tmp_path / "sends", url=url, **orchestration)
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    (made.directory / "tests").mkdir()
    given = "result:" if kind == "result" else "given:\n     fct_orders:"
    (made.directory / "tests" / "orders.yaml").write_text(TEST.format(given=given))
    outcome = inside("test", project=made.directory)
    assert (outcome.code, outcome.stderr) == (0, ""), outcome.stdout


@pytest.mark.parametrize(
    ("reference", "given"),
    [
        ("ref('shop_names')", "shop_names"),
        ("ref('shop_names')", "Names of shops"),
        ("ref('shop_names')", "marts_extra.Names of shops"),
        ("source('raw', 'orders')", "raw.orders"),
        ("source('raw', 'orders')", "orders_2026"),
        ("ref('dim_customers', v=2)", "dim_customers.v2"),
        ("ref('dim_customers', v=2)", "dim_customers"),
    ],
)
def test_a_table_of_another_name_is_given_by_either(tmp_path: Path, reference: str, given: str) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    made.query(f"SELECT * FROM {{{{ {reference} }}}}")
    (made.directory / "tests").mkdir()
    (made.directory / "tests" / "orders.yaml").write_text(TEST.format(given=f"given:\n     {given}:"))
    outcome = inside("test", project=made.directory)
    assert (outcome.code, outcome.stderr) == (0, ""), outcome.stdout
