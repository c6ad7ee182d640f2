"""Warehouses of the cloud as the contract knows them, each in a stand-in that speaks its protocol."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.sources.warehouses import LARGE, NAME, SHOWN, Kind, warehouse
from tests.standins.process import StandIn


def bigquery(server: StandIn, directory: Path) -> Kind:
    """BigQuery's own clients."""
    server.set()
    server.sql("CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS n")
    name = NAME.replace("'", "\\'")
    return Kind(
        warehouse("bigquery://shop/main?location=EU", options=bigquery_options(server)),
        directory,
        values=(
            f"CAST({LARGE} AS INT64)",
            "CAST(12.30 AS NUMERIC)",
            "CAST(0.1 AS FLOAT64)",
            f"'{name}'",
            "TRUE",
            "DATE '2026-11-20'",
            "DATETIME '2026-11-20 10:00:00.123456'",
            "TIMESTAMP '2026-11-20 10:00:00+02:00'",
            "''",
        ),
        types={"price": pa.decimal128(38, 9)},
        quote="`",
        has_equal_names=False,
        numbers=lambda rows: (
            "SELECT n, CONCAT('user', CAST(n AS STRING), '@example.com') AS name"
            f" FROM UNNEST(GENERATE_ARRAY(1, {rows})) AS n"
        ),
        busy="SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b",
        unreadable="SELECT CAST(CONCAT('jo@example', '.com') AS INT64) AS n",
        writing=("FROM t |> DELETE WHERE n = 1", "EXPORT DATA OPTIONS (uri = 'gs://leak/*.csv') AS SELECT 1 AS n"),
        count=lambda: int(server.sql("SELECT count(*) FROM t")[0][0]),
        is_let_go=server.is_idle,
    )


def bigquery_options(server: StandIn) -> dict[str, str]:
    """Where the interfaces of the stand-in are."""
    rest, storage = (f"http://127.0.0.1:{server.ports[name]}" for name in ("http", "grpc"))
    return {"api_endpoint": rest, "storage_endpoint": storage}


def trino(server: StandIn, directory: Path) -> Kind:
    """Trino's own client."""
    server.set()
    server.sql("CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS n")
    numbers = (
        "SELECT sequential_number AS n, 'user' || CAST(sequential_number AS varchar) || '@example.com' AS name"
        " FROM TABLE(sequence(1, {}))"
    ).format
    return Kind(
        warehouse(trino_url(server)),
        directory,
        values=(
            f"CAST({LARGE} AS bigint)",
            "CAST(12.30 AS decimal(10, 2))",
            "CAST(0.1 AS double)",
            f"'{SHOWN}'",
            "TRUE",
            "DATE '2026-11-20'",
            "TIMESTAMP '2026-11-20 10:00:00.123456'",
            "CAST('2026-11-20 10:00:00+02:00' AS timestamp(6) with time zone)",
            "''",
        ),
        numbers=numbers,
        endless=numbers(1_000_000_000_000),
        busy="SELECT count(*) AS n FROM TABLE(sequence(1, 1000000)) AS a CROSS JOIN TABLE(sequence(1, 1000000)) AS b",
        breaking="SELECT CAST(IF(sequential_number = 300000, 'x', '1') AS bigint) AS n FROM TABLE(sequence(1, 300000))",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS bigint) AS n",
        writing=(
            "WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x",
            "SELECT * FROM TABLE(pg.system.query(query => 'DELETE FROM t RETURNING n'))",
        ),
        count=lambda: int(server.sql("SELECT count(*) FROM t")[0][0]),
        is_let_go=server.is_idle,
    )


def trino_url(server: StandIn) -> str:
    """Where the stand-in is."""
    return f"trino://jo@127.0.0.1:{server.ports['http']}/shop/main"


def databricks(server: StandIn, directory: Path) -> Kind:
    """Databricks' own driver."""
    server.set()
    server.sql("CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS n")
    name = NAME.replace("'", "\\'")
    numbers = "SELECT id + 0 AS n, concat('user', CAST(id AS STRING), '@example.com') AS name FROM range(1, {})"
    return Kind(
        warehouse(**databricks_settings(server)),
        directory,
        values=(
            f"CAST({LARGE} AS BIGINT)",
            "CAST(12.30 AS DECIMAL(10, 2))",
            "CAST(0.1 AS DOUBLE)",
            f"'{name}'",
            "TRUE",
            "DATE '2026-11-20'",
            "CAST('2026-11-20 10:00:00.123456' AS TIMESTAMP_NTZ)",
            "CAST('2026-11-20 10:00:00+02:00' AS TIMESTAMP)",
            "''",
        ),
        quote="`",
        numbers=lambda rows: numbers.format(rows + 1),
        endless=numbers.format(1_000_000_000_000),
        busy="SELECT count(*) AS n FROM range(0, 1000000) AS a CROSS JOIN range(0, 1000000) AS b",
        breaking="SELECT CAST(IF(id = 300000, 'x', '1') AS BIGINT) AS n FROM range(1, 300001)",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS BIGINT) AS n",
        writing=("WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x", "FROM t |> DELETE WHERE n = 1"),
        count=lambda: int(server.sql("SELECT count(*) FROM t")[0][0]),
        is_let_go=server.is_idle,
    )


def databricks_settings(server: StandIn) -> dict[str, Any]:
    """A warehouse in the stand-in, which has no encryption."""
    path = "/sql/1.0/warehouses/1"
    address = f"http://127.0.0.1:{server.ports['http']}"
    return {
        "url": f"databricks://127.0.0.1?http_path={path}&catalog=shop&schema=main",
        "token": "right-token",
        "options": {"_connection_uri": f"{address}{path}", "token_url": f"{address}/oidc/v1/token"},
    }
