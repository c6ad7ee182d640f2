"""Results, destinations and stages of every kind: what tasks do gives what one process does, whoever runs the tasks.

The tasks run in this process, which is quicker; test_equal has them run by Ray.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from deltalake import write_deltalake

from connector.config import project as config_project
from connector.config.project import load_project
from connector.runs.cluster import worker
from tests.cli.shop import NAME, SOURCE_ID
from tests.cluster import market
from tests.cluster.spread import CLUSTER, OWN_TO_A_RUN, Result, Spread, assert_equal
from tests.cluster.test_equal import ALL, begun, built, in_one
from tests.files.servers import BUCKET, Server, s3
from tests.files.tables import iceberg
from tests.postgres import Postgres
from tests.snowflake.account import Account

Project = Callable[..., Spread]
ROWS = 20_001


def test_a_process_opens_the_project_once_for_all_tasks_of_a_run(
    inline_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = list[str]()

    def loaded(directory: Path, environ: Mapping[str, str], target: str | None) -> config_project.Project:
        opened.append(str(directory))
        return load_project(directory, environ, target)

    monkeypatch.setattr(worker, "load_project", loaded)
    made = built(inline_project, rows=2_001, engine={"splits": 3})
    assert made.result().events
    assert len(opened) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("order", [market.FAR, market.SHUFFLED], ids=["sorted", "any"])
@pytest.mark.parametrize("identical_rows", ["keep", "drop", "reject"])
@pytest.mark.parametrize("line_items", [True, False], ids=["lines", "events"])
def test_it_does_not_matter_who_merges(
    inline_project: Project, postgres: Postgres, order: str, identical_rows: str, *, line_items: bool
) -> None:
    further: dict[str, Any] = {"identical_rows": identical_rows} if line_items else {}
    made = built(inline_project, order, ROWS, line_items=line_items, **further)
    one = in_one(made, postgres.new_database())
    for merge_in_tasks in (False, True):
        begun(made, postgres.new_database())
        assert_equal(one, made.result(merge_in_tasks=merge_in_tasks))


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [{"splits": 1}, {"splits": 2, "senders": 1}, {"splits": 30, "senders": 5}], ids=str)
def test_neither_the_splits_nor_the_senders_matter(
    inline_project: Project, postgres: Postgres, engine: dict[str, int]
) -> None:
    made = built(inline_project, rows=ROWS, engine=engine, destination={"max_in_flight": 8})
    one = in_one(made, postgres.new_database())
    begun(made, postgres.new_database())
    assert_equal(one, made.result(merge_in_tasks=engine["splits"] > 1))


def equal(made: Spread, ledger: str) -> None:
    """Run in one process and on the engine; some rows are rejected."""
    one = made.result("none")
    assert one.events
    assert one.excluded
    made.forget(ledger)
    assert_equal(one, made.result())


def rows_of(made: Spread, rows: int = ROWS) -> pa.Table:
    """The orders, as a table."""
    market.build(made.shop.warehouse, rows)
    with duckdb.connect(str(made.shop.warehouse), read_only=True) as connection:
        return connection.sql(
            "SELECT * REPLACE (strftime(timestamp, '%Y-%m-%dT%H:%M:%SZ') AS timestamp, price::DOUBLE AS price) FROM orders"
        ).to_arrow_table()


def from_file(made: Spread, file: str) -> None:
    """Let the orchestration read a file instead of a query."""
    entry = yaml.safe_load(made.shop.settings.read_text())["orchestrations"][NAME]
    made.change(
        orchestrations={NAME: {**{k: v for k, v in entry.items() if k not in {"query", "warehouse"}}, "file": file}}
    )


def test_parquet_files_are_divided(inline_project: Project, postgres: Postgres) -> None:
    made = inline_project(ALL, max_reject_percent=100)
    table = rows_of(made)
    for number in range(3):
        part = table.slice(number * 9_000, 9_000)
        pq.write_table(part, made.directory / f"orders-{number}.parquet", row_group_size=1_000)
    from_file(made, "orders-*.parquet")
    one = made.result("none")
    again = _cleared(made).result("none")
    assert not again.events
    made.forget(postgres.new_database())
    assert_equal(one, made.result())
    assert_equal(again, _cleared(made).result())


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_tables_are_divided_and_a_snapshot_is_sent_once(inline_project: Project, postgres: Postgres, kind: str) -> None:
    made = inline_project(ALL, max_reject_percent=100)
    rows, folder = rows_of(made), made.directory / "orders"
    table = iceberg(folder, rows.schema) if kind == "iceberg" else None
    for number in range(3):
        part = rows.slice(number * 9_000, 9_000)
        if table is None:
            write_deltalake(folder, part, mode="append")
        else:
            table.append(part)
    from_file(made, "orders")
    one = made.result("none")
    again = _cleared(made).result("none")
    assert not again.events
    made.forget(postgres.new_database())
    assert_equal(one, made.result())
    assert_equal(again, _cleared(made).result())


def _cleared(made: Spread) -> Spread:
    made.tiktok.requests.clear()
    return made


@pytest.mark.thorough
def test_sqlite_is_read_by_one_task(inline_project: Project, postgres: Postgres) -> None:
    made = inline_project("SELECT * FROM orders", max_reject_percent=100)
    table = rows_of(made).to_pydict()
    with sqlite3.connect(made.directory / "shop.sqlite") as connection:
        connection.execute(f"CREATE TABLE orders ({', '.join(table)})")
        connection.executemany(
            f"INSERT INTO orders VALUES ({', '.join('?' * len(table))})", zip(*table.values(), strict=True)
        )
    connection.close()
    made.change(warehouses={"own": {"url": "sqlite:///shop.sqlite"}})
    equal(made, postgres.new_database())


SNOWFLAKE = f"""
SELECT 'order-' || FLOOR(n / 3) AS order_id, DATEADD(second, -FLOOR(n / 3), CURRENT_DATE()::TIMESTAMP) AS timestamp
    , CASE WHEN MOD(n, 50) = 7 THEN 'nobody' ELSE FLOOR(n / 3) || '@example.com' END AS email
    , 'c' || MOD(n, 3) AS content_id, 2.25 AS price, 1 AS quantity, '{SOURCE_ID}' AS event_source_id
FROM (SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 10000)))
"""


@pytest.mark.thorough
def test_snowflake_runs_the_query_once(inline_project: Project, postgres: Postgres, snowflake: Account) -> None:
    snowflake.set(expired=False, renewable=True, chunk_rows=700)
    made = inline_project(SNOWFLAKE, max_reject_percent=100)
    made.change(warehouses={"own": snowflake.settings})
    equal(made, postgres.new_database())


def test_files_of_events_hold_the_same(inline_project: Project, postgres: Postgres) -> None:
    made = built(inline_project, rows=ROWS)
    destinations = yaml.safe_load(made.shop.settings.read_text())["destinations"]
    kept = ("advertiser_id", "event_source", "event_source_id", "fixed_event_name")
    written = []
    for engine in ("none", CLUSTER):
        folder = made.directory / f"files-{engine}"
        folder.mkdir()
        file = {name: destinations["stores"][name] for name in kept if name != "advertiser_id"}
        made.change(
            ledger=postgres.new_database(), destinations={"stores": {"type": "file", "path": str(folder), **file}}
        )
        record = made.run(engine).record()
        lines = [line for path in folder.rglob("*") if path.is_file() for line in path.read_bytes().splitlines()]
        written.append((sorted(lines), {name: value for name, value in record.items() if name not in OWN_TO_A_RUN}))
    assert written[0][0]
    assert written[0] == written[1]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "nothing").mkdir()
    with s3(tmp_path / "nothing") as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("merge_in_tasks", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_the_stage_may_be_an_object_store(
    inline_project: Project, postgres: Postgres, bucket: Server, *, merge_in_tasks: bool
) -> None:
    made = built(inline_project, rows=ROWS)
    one = in_one(made, postgres.new_database())
    begun(made, postgres.new_database())
    made.change_engine(stage=f"s3://{BUCKET}/stage")
    assert_equal(one, made.result(merge_in_tasks=merge_in_tasks))


@pytest.mark.thorough
@pytest.mark.parametrize("column", ["order_id", "timestamp"])
def test_a_column_divides_what_cannot_be_divided_otherwise(
    inline_project: Project, postgres: Postgres, column: str
) -> None:
    made = built(inline_project, rows=ROWS)
    made.shop.query.write_text("SELECT * FROM orders ORDER BY order_id, content_id, price, quantity")
    one = made.result("none")
    made.forget(postgres.new_database())
    made.change_orchestration(split_by=column)
    several = made.result()
    assert_equal(_without_row_numbers(one), _without_row_numbers(several))


def _without_row_numbers(result: Result) -> Result:
    rows = [{**json.loads(row), "row": None} for row in result.excluded]
    return replace(result, excluded=sorted(json.dumps(row, sort_keys=True) for row in rows))


@pytest.mark.thorough
def test_people_of_a_query_are_left_out_everywhere(inline_project: Project, postgres: Postgres) -> None:
    made = built(inline_project, rows=ROWS, destination={"suppress": {"query": "gone"}})
    gone = "SELECT email FROM orders WHERE hash(order_id) % 17 = 0"
    made.shop.query.with_name("gone.sql").write_text(gone)
    one = made.result("none")
    assert one.record["skips"]["suppressed"] > ROWS / 34
    for merge_in_tasks in (False, True):
        made.forget(postgres.new_database())
        assert_equal(one, made.result(merge_in_tasks=merge_in_tasks))
