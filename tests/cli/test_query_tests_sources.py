"""`connector test` on queries of every kind of warehouse, on files, and on audiences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop, shop

NOW = "2026-11-20T06:15:00Z"
PAID = "2026-11-19T17:30:00"
EVENT = {"order_id": "R1", "email": "ada@example.com", "value": 12.5}


def result_of(made: Shop, **test: Any) -> Outcome:
    path = made.directory / "tests" / f"{NAME}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"started_at": NOW, "tests": {"it": test}}, sort_keys=False))
    return inside("test", project=made.directory)


def on_warehouse(directory: Path, url: str, query: str, **orchestration: Any) -> Shop:
    made = shop(directory, "simulator", query, **orchestration)
    made.settings.write_text(made.settings.read_text().replace("duckdb:///warehouse.duckdb", url))
    return made


ROW = {"order_id": "R1", "paid_at": PAID, "email": "Ada@example.com", "total": 12.5}
OLD = {**ROW, "order_id": "R0", "paid_at": "2026-11-01T00:00:00"}
SQL: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    "DuckDB": (
        "duckdb:///other.duckdb",
        "SELECT order_id, paid_at AS timestamp, email, total AS value FROM shop.orders WHERE paid_at > now() - INTERVAL 7 DAYS",
        {"shop.orders": [ROW, OLD]},
    ),
    "PostgreSQL": (
        "postgresql://reader@db/shop",
        "SELECT order_id, paid_at AS timestamp, lower(email) AS email, (doc->>'total')::numeric AS value FROM orders WHERE paid_at >= now() - interval '7 days'",
        {"orders": [{**row, "doc": {"total": "12.50"}} for row in (ROW, OLD)]},
    ),
    "Snowflake": (
        "snowflake://reader@account/MARTS/PUBLIC",
        "SELECT o.order_id, o.paid_at AS timestamp, o.doc:email::string AS email, IFF(o.total > 0, o.total, NULL) AS value FROM MARTS.PUBLIC.ORDERS o WHERE o.paid_at >= DATEADD(day, -7, CURRENT_TIMESTAMP())",
        {
            "ORDERS": {
                "columns": {"doc": "variant", "total": "number(18,2)", "paid_at": "timestamp_ntz"},
                "rows": [{**row, "doc": {"email": "Ada@example.com"}} for row in (ROW, OLD)],
            }
        },
    ),
    "BigQuery": (
        "bigquery://project/shop",
        "SELECT o.order_id, o.paid_at AS timestamp, o.email, item.price AS value FROM `my-project.shop.orders` AS o, UNNEST(o.items) AS item WHERE DATE(o.paid_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)",
        {
            "my-project.shop.orders": {
                "columns": {"paid_at": "timestamp", "items": "array<struct<price numeric>>"},
                "rows": [{**row, "items": [{"price": 12.5}]} for row in (ROW, OLD)],
            }
        },
    ),
    "Databricks": (
        "databricks://token@host",
        "FROM shop.orders |> WHERE paid_at >= current_timestamp() - INTERVAL 7 DAYS |> SELECT order_id, paid_at AS timestamp, email, total AS value",
        {"orders": [ROW, OLD]},
    ),
    "ClickHouse": (
        "clickhouse://reader@db/shop",
        "SELECT order_id, paid_at AS timestamp, email, total AS value FROM shop.orders FINAL PREWHERE paid_at >= now() - INTERVAL 7 DAY WHERE total > 0",
        {"shop.orders": [ROW, OLD]},
    ),
    "MySQL": (
        "mysql+pymysql://reader@db/shop",
        "SELECT order_id, paid_at AS `timestamp`, email, total AS value FROM `shop`.`orders` WHERE paid_at >= NOW() - INTERVAL 7 DAY",
        {"`shop`.`orders`": [ROW, OLD]},
    ),
    "SQL Server": (
        "mssql+pyodbc://reader@db/shop",
        "SELECT TOP 5 order_id, paid_at AS timestamp, email, total AS value FROM [shop].[dbo].[orders] WHERE paid_at >= DATEADD(day, -7, SYSDATETIME())",
        {"dbo.orders": [ROW, OLD]},
    ),
    "Redshift": (
        "redshift://reader@db/shop",
        "SELECT order_id, paid_at AS timestamp, email, total AS value FROM orders WHERE paid_at >= GETDATE() - INTERVAL '7 days'",
        {"orders": [ROW, OLD]},
    ),
    "Trino": (
        "trino://reader@db/shop",
        "SELECT order_id, paid_at AS timestamp, email, total AS value FROM hive.shop.orders WHERE paid_at >= current_timestamp - INTERVAL '7' DAY",
        {"hive.shop.orders": [ROW, OLD]},
    ),
}


@pytest.mark.parametrize("name", SQL)
def test_a_query_for_any_warehouse_reads_the_given_rows_at_the_given_time(tmp_path: Path, name: str) -> None:
    url, query, given = SQL[name]
    outcome = result_of(on_warehouse(tmp_path / "shop", url, query), given=given, expect={"events": [EVENT]})
    assert (outcome.code, outcome.stderr) == (0, ""), outcome.stdout


def test_a_query_in_another_dialect_than_its_warehouse_is_translated_from_it(tmp_path: Path) -> None:
    _, query, given = SQL["Snowflake"]
    made = on_warehouse(tmp_path / "shop", "duckdb:///x.duckdb", query, dialect="snowflake")
    outcome = result_of(made, given=given, expect={"events": [EVENT]})
    assert outcome.code == 0, outcome.stdout


def test_what_only_the_warehouse_can_do_is_told(tmp_path: Path) -> None:
    query = "SELECT order_id, paid_at AS timestamp, marts.clean(email) AS email, total AS value FROM orders"
    made = on_warehouse(tmp_path / "shop", "snowflake://reader@account/MARTS", query)
    outcome = result_of(made, given={"orders": [ROW]}, expect={"events": [EVENT]})
    assert outcome.code == 1
    assert "The query was translated from snowflake to DuckDB." in outcome.stdout


CTE = (
    "WITH orders AS (SELECT * FROM raw.orders) SELECT order_id, paid_at AS timestamp, email, total AS value FROM orders"
)
SINCE = """
SELECT order_id, paid_at AS timestamp, email, total AS value FROM orders
{% if run.last_success_at %} WHERE paid_at > {{ run.last_success_at }} {% endif %}
"""


@pytest.mark.parametrize(("last", "events"), [(None, 2), ("2026-11-19", 1), ("2026-11-20T00:00:00+01:00", 0)])
def test_the_last_success_can_be_set(tmp_path: Path, last: str | None, events: int) -> None:
    older = {**ROW, "order_id": "R2", "paid_at": "2026-11-18T10:00:00"}
    further = {"last_success_at": last} if last else {}
    outcome = result_of(
        shop(tmp_path / "shop", "simulator", SINCE),
        given={"orders": [ROW, older]},
        expect={"events": events},
        **further,
    )
    assert outcome.code == 0, outcome.stdout


def test_a_subquery_may_have_the_name_of_the_table_that_it_reads(tmp_path: Path) -> None:
    outcome = result_of(
        shop(tmp_path / "shop", "simulator", CTE), given={"raw.orders": [ROW]}, expect={"events": [EVENT]}
    )
    assert outcome.code == 0, outcome.stdout


def test_parameters_and_shared_tables_can_be_replaced(tmp_path: Path) -> None:
    query = (
        "SELECT order_id, paid_at AS timestamp, email, total AS value FROM orders WHERE total > {{ parameters.least }}"
    )
    made = shop(tmp_path / "shop", "simulator", query, parameters={"least": 10})
    (made.directory / "tests").mkdir()
    file = {
        "started_at": NOW,
        "given": {"orders": {"columns": {"total": "decimal(9,2)"}, "rows": [ROW]}, "not_read": [{"a": 1}]},
        "tests": {
            "as_it_is": {"expect": {"events": [EVENT]}},
            "a_higher_bound": {"parameters": {"least": 20}, "expect": {"events": 0}},
            "other_rows": {"given": {"orders": [{**ROW, "total": "15.00"}]}, "expect": {"events": [{"value": 15}]}},
            "a_later_day": {"started_at": "2027-01-01", "expect": {"events": 0, "rejects": {"event_too_old": 1}}},
        },
    }
    (made.directory / "tests" / f"{NAME}.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    outcome = inside("test", project=made.directory)
    assert outcome.code == 0, outcome.stdout


def test_nothing_else_is_read_and_nothing_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("email\neve@example.com\n")
    query = f"SELECT o.order_id, o.paid_at AS timestamp, s.email FROM orders AS o, read_csv('{secret}') AS s"
    outcome = result_of(shop(tmp_path / "shop", "simulator", query), given={"orders": [ROW]}, expect={"events": 1})
    assert outcome.code == 1
    assert "it may not read" in outcome.stdout


# Files --------------------------------------------------------------------------------------------------------


def with_file(directory: Path, file: str, **further: Any) -> Shop:
    made = shop(directory, "simulator", "SELECT 1")
    settings = yaml.safe_load(made.settings.read_text())
    settings["orchestrations"][NAME] = {"file": file, "destination": "stores", **further}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


LINES = f"order_id,timestamp,email,value\nR1,{PAID}Z,Ada@example.com,12.50\n"


@pytest.mark.parametrize("file", ["orders.csv", "data/*.csv", "s3://bucket/orders.csv.gz", "orders.txt"])
@pytest.mark.parametrize("lines", [LINES, LINES.splitlines()], ids=["text", "list"])
def test_a_file_has_the_given_lines(tmp_path: Path, file: str, lines: Any) -> None:
    outcome = result_of(with_file(tmp_path / "shop", file), lines=lines, expect={"events": [EVENT]})
    assert outcome.code == 0, outcome.stdout


def test_the_format_of_a_file_stays(tmp_path: Path) -> None:
    made = with_file(tmp_path / "shop", "orders.csv", format={"name": "delimited", "delimiter": "semicolon"})
    outcome = result_of(made, lines=LINES.replace(",", ";"), expect={"events": [EVENT]})
    assert outcome.code == 0, outcome.stdout


def test_a_line_with_a_fault_is_told(tmp_path: Path) -> None:
    outcome = result_of(with_file(tmp_path / "shop", "orders.csv"), lines=f"{LINES}R2,x\n", expect={"events": [EVENT]})
    assert outcome.code == 1
    assert "given.csv" in outcome.stdout


@pytest.mark.parametrize("file", ["orders.parquet", "orders.csv"])
def test_rows_of_the_result_take_the_place_of_a_file(tmp_path: Path, file: str) -> None:
    row = {"order_id": "R1", "timestamp": PAID, "email": "ada@example.com", "value": 12.5}
    outcome = result_of(with_file(tmp_path / "shop", file), result=[row], expect={"events": [EVENT]})
    assert outcome.code == 0, outcome.stdout


def test_lines_of_a_table_are_refused(tmp_path: Path) -> None:
    outcome = result_of(with_file(tmp_path / "shop", "orders", format="delta"), lines=LINES, expect={"events": 1})
    assert outcome.code == 1
    assert 'orders" is a table, which has no lines: give its rows under result.' in outcome.stdout


@pytest.mark.parametrize(
    ("file", "given", "sentence"),
    [
        (
            "orders.csv",
            {"given": {"orders": [ROW]}},
            "reads a file: give its lines under lines, or its rows under result.",
        ),
        ("orders.csv", {}, "reads a file: give its lines under lines, or its rows under result."),
        ("orders.parquet", {"lines": LINES}, "is a Parquet file, which has no lines: give its rows under result."),
    ],
)
def test_rows_in_the_wrong_place_are_told(tmp_path: Path, file: str, given: dict[str, Any], sentence: str) -> None:
    outcome = result_of(with_file(tmp_path / "shop", file), **given, expect={"events": 1})
    assert outcome.code == 1
    assert sentence in outcome.stdout


# Audiences ----------------------------------------------------------------------------------------------------

PEOPLE = [
    {"email": "Ada@example.com", "phone": "206 555 0100", "spent": 600},
    {"email": "ada@example.com", "phone": None, "spent": 700},
    {"email": "ben@example.org", "phone": None, "spent": 100},
    {"email": "nobody", "phone": None, "spent": 900},
]
OUTCOMES = {
    "skips": {"duplicate": [{"row": 2}]},
    "rejects": {"invalid_identity": [{"row": 3}]},
    "warnings": {"invalid_email": 1},
}


def audience(directory: Path) -> Shop:
    made = shop(directory, "simulator", "SELECT email, phone FROM people WHERE spent > 500")
    settings = yaml.safe_load(made.settings.read_text())
    settings["destinations"]["stores"] = {
        "type": "tiktok_audience",
        "credential": "tiktok",
        "advertiser_ids": ["7654321098765432109"],
        "audience": "VIP",
        "api_url": "simulator",
    }
    made.settings.write_text(yaml.safe_dump(settings))
    return made


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([{"row": 1, "email": "ada@example.com", "phone": "+12065550100"}], 0),
        ([{"email": ["ada@example.com"], "idfa": None}], 0),
        (1, 0),
        (2, 1),
        ([], 1),
        ([{"row": 1, "email": "eve@example.com"}], 1),
        ([{"row": 2}], 1),
        ([{"email": "ada@example.com"}, {"email": "ben@example.org"}], 1),
        ([{"email": "ada@example.com", "phone": None}], 1),
    ],
    ids=str,
)
def test_the_members_of_an_audience_are_compared(tmp_path: Path, members: Any, code: int) -> None:
    outcome = result_of(audience(tmp_path / "shop"), given={"people": PEOPLE}, expect={"members": members, **OUTCOMES})
    assert outcome.code == code, outcome.stdout
    assert "@" not in outcome.stdout


def test_events_of_an_audience_are_refused(tmp_path: Path) -> None:
    outcome = result_of(audience(tmp_path / "shop"), given={"people": PEOPLE}, expect={"events": 1})
    assert outcome.code == 2
    assert "sends an audience: write members, not events." in outcome.sentence
