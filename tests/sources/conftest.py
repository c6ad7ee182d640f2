"""Every kind of warehouse that can be read, each a real one."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
from snowflake.connector import SnowflakeConnection

from tests.clickhouse.server import ClickHouse
from tests.mariadb import MariaDB
from tests.postgres import Postgres
from tests.snowflake.account import Account
from tests.snowflake.logins import PASSWORD
from tests.sources.cloud import bigquery, databricks, trino
from tests.sources.warehouses import LARGE, SHOWN, Kind, warehouse
from tests.standins.process import StandIn

SERVERS = [pytest.param(name, marks=pytest.mark.warehouses) for name in ("mysql", "clickhouse", "trino", "redshift")]
if find_spec("databricks"):
    # `make warehouses` installs its driver beside the others: it needs pandas, which makes all of them slower to start.
    SERVERS.append(pytest.param("databricks", marks=pytest.mark.warehouses))
COMPLETE_FIRST = [pytest.param(name, marks=pytest.mark.warehouses) for name in ("bigquery",)]
"""Those that complete a result before they give the first rows."""
STREAMING = ("duckdb", "postgresql", "sqlite", *SERVERS)
KINDS = ("snowflake", *STREAMING, *COMPLETE_FIRST)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each of them in turn."""
    made: Kind = request.getfixturevalue(f"{request.param}_kind")
    return made


@pytest.fixture(params=STREAMING)
def streaming(request: pytest.FixtureRequest) -> Kind:
    """Those that give the first rows before the last are made; for the others see `test_snowflake` and the like."""
    made: Kind = request.getfixturevalue(f"{request.param}_kind")
    return made


@pytest.fixture
def duckdb_kind(tmp_path: Path) -> Kind:
    file = str(tmp_path / "shop.duckdb")
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")

    def count() -> int:
        with duckdb.connect(file, read_only=True) as connection:
            ((rows,),) = connection.execute("SELECT count(*) FROM t").fetchall()
        return int(rows)

    def is_let_go() -> bool:
        # Another process opens a file for writing only while nobody has it open.
        command = [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", file]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    return Kind(
        warehouse("duckdb:///shop.duckdb"),
        tmp_path,
        values=(
            f"CAST({LARGE} AS BIGINT)",
            "CAST(12.30 AS DECIMAL(10, 2))",
            "CAST(0.1 AS DOUBLE)",
            f"'{SHOWN}'",
            "TRUE",
            "DATE '2026-11-20'",
            "TIMESTAMP '2026-11-20 10:00:00.123456'",
            "TIMESTAMPTZ '2026-11-20 10:00:00+02:00'",
            "''",
        ),
        types={"zoned": pa.timestamp("us", "Etc/UTC")},
        numbers=lambda rows: f"SELECT range + 1 AS n, 'user' || range || '@example.com' AS name FROM range({rows})",
        endless="SELECT range + 1 AS n, 'user' || range AS name FROM range(1000000000000)",
        busy="SELECT max(hash(a.range::VARCHAR || b.range)) FROM range(1000000) AS a, range(100000) AS b",
        breaking="SELECT CASE WHEN range = 9999999 THEN error('out of paper') ELSE range END AS n FROM range(10000000)",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS INTEGER) AS n",
        writing=("COPY t TO 'leak.csv'", "CREATE TEMP TABLE x AS SELECT 1"),
        count=count,
        is_let_go=is_let_go,
    )


@pytest.fixture
def postgresql_kind(postgres: Postgres, tmp_path: Path) -> Kind:
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")

    def asked(sql: str) -> int:
        with psycopg.connect(url) as connection:
            ((number,),) = connection.execute(sql.encode()).fetchall()
        return int(number)

    def is_let_go() -> bool:
        # The server notices a moment later that a connection was closed.
        until = time.monotonic() + 10
        while asked("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'connector:%'"):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    return Kind(
        warehouse(url),
        tmp_path,
        values=(
            f"CAST({LARGE} AS BIGINT)",
            "CAST(12.30 AS NUMERIC(10, 2))",
            "CAST(0.1 AS DOUBLE PRECISION)",
            f"'{SHOWN}'",
            "TRUE",
            "DATE '2026-11-20'",
            "TIMESTAMP '2026-11-20 10:00:00.123456'",
            "TIMESTAMPTZ '2026-11-20 10:00:00+02:00'",
            "''",
        ),
        row={"price": "12.30"},
        types={"price": pa.string()},
        numbers=lambda rows: (
            f"SELECT n, 'user' || n || '@example.com' AS name FROM generate_series(1, {rows}) AS g (n)"
        ),
        endless="SELECT generate_series(1, 1000000000000) AS n, 'user' AS name",
        busy="SELECT count(*) FROM generate_series(1, 1000000) AS a, generate_series(1, 1000000) AS b",
        breaking="SELECT 1 / (300000 - n) AS n FROM generate_series(1, 300000) AS g (n)",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS INTEGER) AS n",
        writing=(
            "WITH x AS (INSERT INTO t VALUES (2) RETURNING n) SELECT * FROM x",
            "WITH x AS (DELETE FROM t RETURNING n) SELECT * FROM x",
            "SELECT * INTO t2 FROM t",
        ),
        count=lambda: asked("SELECT count(*) FROM t"),
        is_let_go=is_let_go,
    )


@pytest.fixture
def sqlite_kind(tmp_path: Path) -> Kind:
    file = tmp_path / "shop.sqlite"

    def asked(sql: str) -> int:
        connection = sqlite3.connect(file, timeout=0)
        try:
            with connection:
                row = connection.execute(sql).fetchone()
        finally:
            connection.close()
        return int(row[0]) if row else 0

    asked("CREATE TABLE t AS SELECT 1 AS n")
    numbers = "WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g{}) SELECT n, 'user' || n || '@example.com' AS name FROM g"
    return Kind(
        warehouse("sqlite:///shop.sqlite"),
        tmp_path,
        values=(
            str(LARGE),
            "12.30",
            "0.1",
            f"'{SHOWN}'",
            "TRUE",
            "'2026-11-20'",
            "'2026-11-20 10:00:00.123456'",
            "'2026-11-20 10:00:00+02:00'",
            "''",
        ),
        row={
            "price": 12.3,
            "flag": 1,
            "day": "2026-11-20",
            "at": "2026-11-20 10:00:00.123456",
            "zoned": "2026-11-20 10:00:00+02:00",
        },
        types={
            "price": pa.float64(),
            "flag": pa.int64(),
            "day": pa.string(),
            "at": pa.string(),
            "zoned": pa.string(),
        },
        numbers=lambda rows: numbers.format(f" WHERE n < {rows}"),
        endless=numbers.format(""),
        busy=f"SELECT count(*) FROM ({numbers.format('')}) AS x",
        breaking="WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 300000)"
        " SELECT CASE WHEN n = 300000 THEN json_extract('{', '$.a') ELSE n END AS n FROM g",
        unreadable="SELECT json_extract(concat('jo@example', '.com'), '$.a') AS n",
        writing=("WITH x AS (SELECT 1) DELETE FROM t", "WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x"),
        count=lambda: asked("SELECT count(*) FROM t"),
        is_let_go=lambda: not asked("CREATE TABLE IF NOT EXISTS let_go (n)"),
    )


@pytest.fixture
def mysql_kind(mariadb: MariaDB, tmp_path: Path) -> Kind:
    url = mariadb.new_database()
    name = url.rpartition("/")[2]
    mariadb.ask(name, "CREATE TABLE t AS SELECT 1 AS n")

    def is_let_go() -> bool:
        # The server notices a moment later that a connection was closed.
        until = time.monotonic() + 10
        while mariadb.ask(name, f"SELECT count(*) FROM information_schema.processlist WHERE db = '{name}'") > 1:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    numbers = "SELECT seq AS n, concat('user', seq, '@example.com') AS name FROM seq_1_to_{}"
    return Kind(
        warehouse(url),
        tmp_path,
        values=(
            f"CAST({LARGE} AS SIGNED)",
            "CAST(12.30 AS DECIMAL(10, 2))",
            "CAST(0.1 AS DOUBLE)",
            f"'{SHOWN}'",
            "TRUE",
            "DATE '2026-11-20'",
            "TIMESTAMP '2026-11-20 10:00:00.123456'",
            "TIMESTAMP '2026-11-20 08:00:00'",
            "''",
        ),
        row={"flag": 1, "zoned": datetime(2026, 11, 20, 8)},  # noqa: DTZ001
        types={"price": pa.decimal128(38, 2), "flag": pa.int64(), "zoned": pa.timestamp("us")},
        quote="`",
        numbers=numbers.format,
        endless=numbers.format(10**12),
        busy="SELECT count(*) FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b WHERE a.seq + b.seq < 0",
        breaking="SELECT 9223372036854775807 - 299999 + CAST(seq AS SIGNED) AS n FROM seq_1_to_300000",
        unreadable="SELECT extractvalue('<a/>', concat('~jo@example', '.com')) AS n",
        writing=(
            f"SELECT n FROM t INTO OUTFILE '{tmp_path}/leak.csv'",
            "WITH x AS (SELECT 1) DELETE FROM t",
            "SELECT nextval(s) FROM t",
        ),
        count=lambda: mariadb.ask(name, "SELECT count(*) FROM t"),
        is_let_go=is_let_go,
    )


@pytest.fixture
def clickhouse_kind(clickhouse: ClickHouse, tmp_path: Path) -> Kind:
    url = clickhouse.new_database()
    name = url.rpartition("/")[2]
    clickhouse.ask(f"CREATE TABLE {name}.t ENGINE = MergeTree ORDER BY n AS SELECT 1 AS n")

    def is_let_go() -> bool:
        # The server notices a moment later that a client is gone.
        until = time.monotonic() + 10
        while clickhouse.ask("SELECT count() FROM system.processes WHERE query LIKE '%example.com%'") != "1":
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    numbers = (
        "SELECT toInt64(number + 1) AS n, concat('user', toString(number), '@example.com') AS name FROM numbers({})"
    )
    return Kind(
        warehouse(url),
        tmp_path,
        values=(
            f"toInt64({LARGE})",
            "CAST(12.30 AS DECIMAL(10, 2))",
            "0.1",
            f"'{SHOWN}'",
            "true",
            "toDate('2026-11-20')",
            "toDateTime64('2026-11-20 10:00:00.123456', 6, 'UTC')",
            "toDateTime('2026-11-20 08:00:00', 'UTC')",
            "''",
        ),
        row={"at": datetime(2026, 11, 20, 10, 0, 0, 123456, UTC)},
        types={"at": pa.timestamp("us", "UTC")},
        twin=1,
        numbers=numbers.format,
        endless=numbers.format(10**12),
        busy="SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
        breaking="SELECT throwIf(number = 1999999, 'out of paper') AS n FROM numbers(2000000)",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS Int32) AS n",
        writing=("WITH x AS (SELECT 2 AS n) INSERT INTO t SELECT * FROM x", "SELECT * FROM t INTO OUTFILE 'leak.csv'"),
        count=lambda: int(clickhouse.ask(f"SELECT count() FROM {name}.t")),
        is_let_go=is_let_go,
    )


@pytest.fixture
def snowflake_kind(snowflake: Account, tmp_path: Path) -> Iterator[Kind]:
    snowflake.set(expired=False, renewable=True)
    login: dict[str, Any] = {"account": "account", "database": "DB", "schema": "PUBLIC", "user": "jo"}
    quiet: dict[str, Any] = {"enable_server_session_keep_alive_auto_detection": False}
    own = SnowflakeConnection(**login, **snowflake.server, **quiet, password=PASSWORD)

    def asked(sql: str) -> int:
        with own.cursor() as cursor:
            row = cursor.execute(sql).fetchone()
        assert isinstance(row, tuple)
        return int(row[0]) if str(row[0]).isdigit() else 0

    asked("CREATE OR REPLACE TABLE t AS SELECT 1 AS n")
    snowflake.set()
    yield Kind(
        warehouse(**snowflake.settings),
        tmp_path,
        values=(
            f"CAST({LARGE} AS BIGINT)",
            "CAST(12.30 AS NUMBER(10, 2))",
            "CAST(0.1 AS DOUBLE)",
            f"'{SHOWN}'",
            "TRUE",
            "DATE '2026-11-20'",
            "CAST('2026-11-20 10:00:00.123456' AS TIMESTAMP_NTZ)",
            "CAST('2026-11-20 10:00:00 +02:00' AS TIMESTAMP_TZ)",
            "''",
        ),
        row={"n": Decimal(LARGE)},
        types={"n": pa.decimal128(38, 0), "price": pa.decimal128(38, 2)},
        numbers=lambda rows: (
            f"SELECT seq4() + 1 AS n, 'user' || seq4() || '@example.com' AS name FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"
        ),
        busy="SELECT count(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)) AS a, TABLE(GENERATOR(ROWCOUNT => 1000000)) AS b",
        unreadable="SELECT CAST(concat('jo@example', '.com') AS INTEGER) AS n",
        writing=("CALL system$wait(1)", "SHOW TABLES"),
        count=lambda: asked("SELECT count(*) FROM t"),
        is_let_go=lambda: (
            [session["delete"] for session in snowflake.log("session")] == ["true"] * len(snowflake.log("login"))
        ),
    )
    own.close()


@pytest.fixture
def bigquery_kind(bigquery_server: StandIn, tmp_path: Path) -> Kind:
    return bigquery(bigquery_server, tmp_path)


@pytest.fixture
def redshift_kind(postgresql_kind: Kind) -> Kind:
    """PostgreSQL, read as Redshift is: the protocol is the same, and a backslash in a text is an escape."""
    address = postgresql_kind.warehouse.url.get_secret_value()
    with psycopg.connect(address, autocommit=True) as own:
        for setting in ("standard_conforming_strings = off", "escape_string_warning = off"):
            own.execute(f'ALTER DATABASE "{own.info.dbname}" SET {setting}'.encode())
    url = address.replace("postgresql://", "redshift://")
    return replace(postgresql_kind, warehouse=warehouse(url))


@pytest.fixture
def trino_kind(trino_server: StandIn, tmp_path: Path) -> Kind:
    return trino(trino_server, tmp_path)


@pytest.fixture
def databricks_kind(databricks_server: StandIn, tmp_path: Path) -> Kind:
    return databricks(databricks_server, tmp_path)
