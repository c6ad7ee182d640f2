"""The same rows from each kind of warehouse: byte for byte the same requests; and how each of them fails."""

import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import yaml
from snowflake.connector import SnowflakeConnection

from tests.cli.command import connector, ended, inside, started
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import serving
from tests.clickhouse.server import ClickHouse
from tests.mariadb import MariaDB
from tests.postgres import Postgres
from tests.snowflake.account import Account
from tests.snowflake.logins import PASSWORD
from tests.sources.cloud import bigquery_options, trino_url
from tests.standins.process import StandIn

KINDS = ("duckdb", "postgresql", "snowflake", "sqlite")
DAY = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(days=2)

QUERY = """
SELECT
    order_id AS event_id
    , ordered_at AS "timestamp"
    , email
    , product AS content_id
    , product_name AS content_name
    , price
    , quantity
    , order_id
FROM purchases
ORDER BY line
"""
QUERIES = {"mysql": QUERY.replace('"', "`")}
"""The same where names stand in other signs."""
BUSY = """
SELECT max(a.n) AS "timestamp", 'jo@example.com' AS email
FROM (SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) AS a
CROSS JOIN (SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) AS b
WHERE a.n + b.n < 0
"""
ROWS = [
    (
        line,
        f"order {line // 3}",
        str(DAY + timedelta(seconds=line // 3)),
        None if line % 50 == 7 else f" Jo.{line // 3}@Example.com ",
        1_000 + line % 12,
        "Chef's knife 20 cm ✂" if line % 2 else None,
        f"{19.99 + line % 7:.2f}",
        1 + line % 4,
    )
    for line in range(600)
]
TABLE = (
    "CREATE TABLE purchases (line INTEGER, order_id VARCHAR(20), ordered_at {time}, email VARCHAR(100), product INTEGER,"
    " product_name VARCHAR(100), price DECIMAL(10, 2), quantity INTEGER)"
)


def inserted() -> str:
    """The rows as one statement."""
    rows = (", ".join("NULL" if value is None else _literal(value) for value in row) for row in ROWS)
    return f"INSERT INTO purchases VALUES {', '.join(f'({row})' for row in rows)}"


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def filled(kind: str, made: Shop, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A warehouse of this kind with the rows in it: its settings."""
    if kind == "duckdb":
        with duckdb.connect(str(made.warehouse)) as file:
            file.execute(TABLE.format(time="TIMESTAMP"))
            file.execute(inserted())
        return {"url": "duckdb:///warehouse.duckdb"}
    if kind == "sqlite":
        small = sqlite3.connect(made.directory / "warehouse.sqlite")
        with small:
            small.execute(TABLE.format(time="TEXT"))
            small.execute(inserted())
        small.close()
        return {"url": "sqlite:///warehouse.sqlite"}
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
        with psycopg.connect(url) as connection:
            connection.execute(TABLE.format(time="TIMESTAMP").encode())
            connection.execute(inserted().encode())
        return {"url": url}
    if kind == "mysql":
        maria: MariaDB = request.getfixturevalue("mariadb")
        url = maria.new_database()
        maria.ask(url.rpartition("/")[2], TABLE.format(time="DATETIME"), inserted())
        return {"url": url}
    if kind == "clickhouse":
        click: ClickHouse = request.getfixturevalue("clickhouse")
        url = click.new_database()
        table = TABLE.replace("VARCHAR(100)", "VARCHAR(100) NULL").format(time="DateTime('UTC')")
        database = url.rpartition("/")[2]
        click.ask(f"{table.replace('purchases', f'{database}.purchases')} ENGINE = MergeTree ORDER BY line")
        click.ask(inserted().replace("INTO purchases", f"INTO {database}.purchases"))
        return {"url": url}
    account: Account = request.getfixturevalue("snowflake")
    account.set(expired=False, renewable=True, chunk_rows=100)
    login: dict[str, Any] = {"account": "account", "database": "DB", "schema": "PUBLIC", "user": "jo"}
    quiet: dict[str, Any] = {"enable_server_session_keep_alive_auto_detection": False}
    with SnowflakeConnection(**login, **account.server, **quiet, password=PASSWORD) as own, own.cursor() as cursor:
        cursor.execute(TABLE.format(time="TIMESTAMP_NTZ").replace("CREATE", "CREATE OR REPLACE"))
        cursor.execute(inserted())
    return account.settings


def on(made: Shop, warehouse: Mapping[str, Any]) -> None:
    """Puts the warehouse into the settings."""
    settings = yaml.safe_load(made.settings.read_text())
    settings["warehouses"]["own"] = dict(warehouse)
    made.settings.write_text(yaml.safe_dump(settings))


def sent(kind: str, request: pytest.FixtureRequest, folder: Path) -> tuple[dict[str, Any], list[bytes]]:
    """What a run from this kind of warehouse counts, and what it sends."""
    with serving() as tiktok:
        made = shop(folder / kind, tiktok.url, QUERIES.get(kind, QUERY))
        on(made, filled(kind, made, request))
        assert inside("validate", NAME, "--connect", project=made.directory).code == 0
        outcome = inside("run", NAME, "--json", project=made.directory)
        assert (outcome.code, outcome.stderr) == (0, "")
        counts = {key: outcome.record()[key] for key in ("rows", "events", "rejects", "warnings")}
        return counts, [one.raw for one in tiktok.requests]


@pytest.mark.thorough
def test_the_same_rows_give_the_same_requests_byte_for_byte(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    counts, bodies = sent("duckdb", request, tmp_path)
    assert counts["rows"]["read"] == len(ROWS)
    assert counts["rows"]["rejected"] > 0
    assert len(bodies) == 1
    for kind in KINDS[1:]:
        assert sent(kind, request, tmp_path) == (counts, bodies)


@pytest.mark.warehouses
@pytest.mark.parametrize("kind", ["mysql", "clickhouse"])
def test_a_server_gives_the_same_requests_too(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    assert sent(kind, request, tmp_path) == sent("duckdb", request, tmp_path)


def test_a_run_on_snowflake_can_be_found_in_its_history(
    snowflake: Account, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, QUERY)
        on(made, filled("snowflake", made, request))
        run = inside("run", NAME, "--json", project=made.directory)
        assert (run.code, run.stderr) == (0, "")
    shown = inside("runs", "show", run.json["run_id"], project=made.directory).stdout
    number = inside("runs", "show", run.json["run_id"], "--json", project=made.directory).json["query_id"]
    assert number.startswith("01be")
    assert f"The warehouse's history has its query as {number}." in shown
    tags = {login["login"]["SESSION_PARAMETERS"].get("QUERY_TAG") for login in snowflake.log("login")}
    assert f"connector:{NAME}:{run.json['run_id']}" in tags


def test_an_interrupted_run_aborts_its_query_on_the_server(
    snowflake: Account, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """And is told so by its exit code; nothing was staged, so the next run asks again."""
    made = shop(tmp_path / "shop", "http://127.0.0.1:9", BUSY)
    on(made, filled("snowflake", made, request))
    snowflake.set()
    process = started("run", NAME, project=made.directory)
    while not snowflake.log("sql"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    outcome = ended(process)
    assert outcome.code == 130
    assert "Traceback" not in outcome.stderr
    assert len(set(snowflake.log("aborted"))) == 1
    assert [session["delete"] for session in snowflake.log("session")] == ["true"]


@pytest.mark.warehouses
@pytest.mark.parametrize("kind", ["mysql", "clickhouse"])
def test_a_run_from_a_server_reads_what_is_new(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, QUERIES.get(kind, QUERY), cursor="timestamp", cursor_overlap="1m")
        on(made, filled(kind, made, request))
        for read in (len(ROWS), 183):
            outcome = inside("run", NAME, "--json", project=made.directory)
            assert (outcome.code, outcome.stderr) == (0, "")
            assert outcome.record()["rows"]["read"] == read


ENDLESS = {
    "mysql": (
        "SELECT a.seq AS `timestamp`, 'jo@example.com' AS email FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b"
        " WHERE a.seq + b.seq < 0",
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%jo@example.com%' AND id <> connection_id()",
    ),
    "clickhouse": (
        "SELECT number AS timestamp, 'jo@example.com' AS email FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
        "SELECT count() - 1 FROM system.processes WHERE query LIKE '%jo@example.com%'",
    ),
}
"""Queries that run for hours, and how many of them the server runs."""


@pytest.mark.warehouses
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_interrupted_run_ends_its_query_on_a_server(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    query, counted = ENDLESS[kind]
    made = shop(tmp_path / "shop", "http://127.0.0.1:9", query)
    on(made, filled(kind, made, request))
    server = request.getfixturevalue("mariadb" if kind == "mysql" else kind)

    def running() -> int:
        return int(server.ask("mysql", counted) if kind == "mysql" else server.ask(counted))

    process = started("run", NAME, project=made.directory)
    while not running():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    outcome = ended(process)
    assert (outcome.code, "Traceback" in outcome.stderr) == (130, False)
    until = time.monotonic() + 10
    while running():
        assert time.monotonic() < until


IN_THE_CLOUD: dict[str, tuple[Callable[[StandIn], dict[str, Any]], str]] = {
    "bigquery": (
        lambda server: {"url": "bigquery://shop/main", "options": bigquery_options(server)},
        "SELECT MAX(a) AS timestamp, 'jo@example.com' AS email FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a"
        " CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE a + b < 0",
    ),
    "trino": (
        lambda server: {"url": trino_url(server)},
        "SELECT max(a.sequential_number) AS timestamp, 'jo@example.com' AS email FROM TABLE(sequence(1, 1000000)) AS a"
        " CROSS JOIN TABLE(sequence(1, 1000000)) AS b WHERE a.sequential_number + b.sequential_number < 0",
    ),
}
"""The settings of a warehouse in a stand-in, and a query that runs for hours there."""


@pytest.mark.warehouses
@pytest.mark.parametrize("kind", IN_THE_CLOUD)
def test_an_interrupted_run_ends_its_query_in_the_cloud(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: StandIn = request.getfixturevalue(f"{kind}_server")
    settings, query = IN_THE_CLOUD[kind]
    server.set()
    made = shop(tmp_path / "shop", "http://127.0.0.1:9", query)
    on(made, settings(server))
    process = started("run", NAME, project=made.directory)
    while not server.is_busy("jo@example.com"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    outcome = ended(process)
    assert (outcome.code, "Traceback" in outcome.stderr) == (130, False)
    assert len(set(server.log("cancelled"))) == 1
    assert server.is_idle()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Shop]:
    with serving() as tiktok:
        yield shop(tmp_path / "shop", tiktok.url, QUERY)
    assert tiktok.requests == []


UNREACHABLE = {
    "no such file": ({"url": "sqlite:///nowhere.sqlite"}, 'nowhere.sqlite" does not exist'),
    "refused connection": ({"url": "postgresql://jo:so-secret@127.0.0.1:1/shop"}, "Connection refused"),
    "no such host": ({"url": "postgresql://jo@no-such-host.invalid/shop", "password": "so-secret"}, "no-such-host"),
}


@pytest.mark.parametrize("what", UNREACHABLE)
def test_a_warehouse_that_cannot_be_opened_exits_with_1_and_is_a_failed_run(made: Shop, what: str) -> None:
    settings, told = UNREACHABLE[what]
    on(made, settings)
    outcome = inside("run", NAME, "--json", project=made.directory)
    assert outcome.code == 1
    assert "The warehouse" in outcome.sentence
    assert told in outcome.sentence
    assert outcome.record()["error"] == outcome.sentence
    traced = connector("run", NAME, "--debug", project=made.directory)
    assert traced.code == 1
    assert "SourceError" in traced.stderr
    for text in (outcome.stdout, outcome.stderr, traced.stdout, traced.stderr):
        assert "so-secret" not in text


def test_a_refused_login_at_snowflake_exits_with_1_and_never_shows_the_password(made: Shop, snowflake: Account) -> None:
    snowflake.set(expired=False)
    on(made, {**snowflake.settings, "password": "so-secret"})
    for way, option in ((inside, "--json"), (connector, "--debug")):
        outcome = way("run", NAME, option, project=made.directory)
        assert outcome.code == 1
        assert "390100 (28000)" in outcome.stderr
        assert "so-secret" not in outcome.stdout + outcome.stderr


MISSING = {
    "snowflake://jo@account/DB": "needs snowflake.connector: pip install 'sql-to-tiktok[snowflake]'.",
    "postgresql://jo@host/shop": "needs adbc_driver_postgresql: pip install 'sql-to-tiktok[postgres]'.",
    "redshift://jo@host/shop": "needs psycopg: pip install 'sql-to-tiktok[postgres]'.",
    "bigquery://shop/main": "needs google.cloud.bigquery_storage: pip install 'sql-to-tiktok[bigquery]'.",
    "databricks://host?http_path=/sql": "needs databricks.sql: pip install 'sql-to-tiktok[databricks]'.",
    "trino://jo@host/shop": "needs trino: pip install 'sql-to-tiktok[trino]'.",
    "mysql://jo@host/shop": "needs pymysql: pip install 'sql-to-tiktok[mysql]'.",
    "clickhouse://jo@host/shop": "needs clickhouse_connect: pip install 'sql-to-tiktok[clickhouse]'.",
    "mariadb+mysqldb://jo@host/shop": "needs pymysql: pip install 'sql-to-tiktok[mysql]'.",
    "mssql://jo@host/shop": "needs mssql_python: pip install 'sql-to-tiktok[sqlserver]'.",
    "mssql+pyodbc://jo@host/shop": "needs pyodbc: pip install pyodbc.",
    "oracle://jo@host/shop": "needs oracledb: pip install 'sql-to-tiktok[oracle]'.",
    "vertica://jo@host/shop": "needs its SQLAlchemy dialect: pip install sqlalchemy-vertica-python.",
}
"""What is said of URLs whose driver is not there."""
DRIVERS = (
    "snowflake.connector",
    "adbc_driver_postgresql",
    "psycopg",
    "google.cloud.bigquery_storage",
    "databricks.sql",
    "trino",
    "pymysql",
    "clickhouse_connect",
    "mssql_python",
    "pyodbc",
    "oracledb",
)


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize("url", MISSING)
def test_a_driver_that_is_missing_exits_with_2_before_a_run_begins(
    made: Shop, url: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver in DRIVERS:
        monkeypatch.setitem(sys.modules, driver, None)
    on(made, {"url": url, "password": "so-secret"})
    outcome = inside(command, NAME, project=made.directory)
    assert outcome.code == 2
    assert MISSING[url] in outcome.sentence
    assert "orchestrations.yaml" in outcome.sentence
    assert "so-secret" not in outcome.stderr
    assert not made.state.exists()


def test_a_query_for_another_database_runs_on_the_warehouse_at_hand(made: Shop) -> None:
    made.query.write_text("SELECT IFF(1 > 0, 'jo@example.com', NULL) AS email, SYSDATE() AS timestamp")
    settings = yaml.safe_load(made.settings.read_text())
    settings["orchestrations"][NAME]["dialect"] = "snowflake"
    made.settings.write_text(yaml.safe_dump(settings))
    outcome = inside("preview", NAME, "--json", project=made.directory)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["rows_read"] == 1


def test_a_dialect_that_nobody_knows_exits_with_2(made: Shop) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    settings["orchestrations"][NAME]["dialect"] = "snowfall"
    made.settings.write_text(yaml.safe_dump(settings))
    outcome = inside("run", NAME, project=made.directory)
    assert outcome.code == 2
    assert 'Did you mean "snowflake"?' in outcome.sentence
