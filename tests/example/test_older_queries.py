"""Queries as the pages of an older integration print them, written for Presto, run on the demo warehouse unchanged."""

from hashlib import sha256

import duckdb
import pytest

from connector.queries.transpile import transpile_query
from tests.example.project import ROOT, utc, warehouse_at

NOW = utc(2026, 11, 19, 23, 59, 59)

AUDIENCE = r"""
SELECT
  email AS EMAIL
  ,CONCAT('+',REGEXP_REPLACE(phone, '(\s*)([^a-zA-Z0-9])', '')) AS PHONE
FROM Customer360
WHERE email IS NOT NULL
OR phone IS NOT NULL
"""

OFFLINE_EVENTS = r"""
SELECT
  'ACME Essentials' AS brand
  ,uit.product_category AS content_category
  ,uit.product_id AS content_id
  ,uit.product_name AS content_name
  ,'product' AS content_type
  ,'USD' AS currency
  ,TO_HEX(SHA256(TO_UTF8(LOWER(TRIM(mc.email))))) AS emails
  ,'CompletePayment' AS event
  ,'website' AS event_channel
  ,CAST(uit.order_id AS VARCHAR) AS event_id
  ,'7654321098765432109' AS event_set_id
  ,uit.order_id
  ,CONCAT('+1','',REGEXP_REPLACE(mc.phone,'[$\D\s]','')) AS phone
  ,uit.item_price AS price
  ,uit.item_quantity AS quantity
  ,uit.store_id AS shop_id
  ,uit.order_datetime AS timestamp
  ,CAST(uit.item_revenue / uit.item_quantity AS DOUBLE) AS value
FROM Unified_Itemized_Transactions uit
LEFT JOIN Merged_Customers mc ON uit.amperity_id = mc.amperity_id
WHERE uit.order_datetime > (CURRENT_DATE - interval '7' day)
"""


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    return warehouse_at(NOW)


def ran(warehouse: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    """The result on the day that the warehouse is at."""
    on_duckdb = transpile_query(sql, written_for="presto", runs_on="duckdb", file=ROOT / "queries" / "older.sql")
    return warehouse.sql(on_duckdb.replace("CURRENT_DATE", f"DATE '{NOW:%Y-%m-%d}'"))


def test_the_query_for_an_audience_runs(warehouse: duckdb.DuckDBPyConnection) -> None:
    result = ran(warehouse, AUDIENCE)
    assert result.columns == ["EMAIL", "PHONE"]
    (rows,) = warehouse.sql(
        "SELECT count(*) FROM Merged_Customers WHERE email IS NOT NULL OR phone IS NOT NULL"
    ).fetchall()
    assert (len(result.fetchall()),) == rows


def test_every_character_that_is_no_digit_is_taken_out_of_a_phone_number_and_not_the_first_alone(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Presto's REGEXP_REPLACE replaces every match, DuckDB's only the first unless it is told otherwise."""
    ((phone,),) = ran(
        warehouse, r"SELECT CONCAT('+1','',REGEXP_REPLACE('(206) 555-0100','[$\D\s]','')) AS phone"
    ).fetchall()
    assert phone == "+12065550100"


def test_the_query_for_offline_events_runs(warehouse: duckdb.DuckDBPyConnection) -> None:
    result = ran(warehouse, OFFLINE_EVENTS)
    names = [line.split()[-1].split(".")[-1] for line in OFFLINE_EVENTS.splitlines() if line.startswith("  ")]
    assert result.columns == names
    assert len(result.fetchall()) > 1_000


def test_the_digests_are_those_of_the_addresses(warehouse: duckdb.DuckDBPyConnection) -> None:
    ((digest,),) = ran(
        warehouse, "SELECT TO_HEX(SHA256(TO_UTF8(LOWER(TRIM(' Jo@Example.com '))))) AS emails"
    ).fetchall()
    assert str(digest).lower() == sha256(b"jo@example.com").hexdigest()
