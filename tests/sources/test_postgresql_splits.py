"""Division of the results of a real PostgreSQL, while others write to it."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.split import execute_split, plan_splits
from tests.postgres import Postgres
from tests.sources.splitting import in_one, in_splits, rows_of, table
from tests.sources.warehouses import opened

TABLES = """
CREATE TABLE t AS SELECT n, 'user''' || n AS name, DATE '2026-01-01' + n % 90 AS day, md5(n::text) AS text,
    n * interval '1 minute' + timestamptz '2026-01-01 10:00:00.5Z' AS at, n::numeric / 7 AS ratio
    FROM generate_series(1, 30000) AS g (n);
DELETE FROM t WHERE n % 7 = 0 OR n BETWEEN 10000 AND 14000;
UPDATE t SET name = NULL WHERE n % 13 = 0;
CREATE TABLE "My Table" AS SELECT n AS "order" FROM generate_series(1, 60000) AS g (n);
CREATE MATERIALIZED VIEW ready AS SELECT * FROM t;
CREATE VIEW v AS SELECT * FROM t;
CREATE VIEW aged AS SELECT n, day - current_date AS age FROM t;
CREATE TABLE parts (n int) PARTITION BY RANGE (n);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (100000);
INSERT INTO parts SELECT n FROM generate_series(1, 60000) AS g (n);
CREATE TABLE parent (n int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT n FROM generate_series(1, 60000) AS g (n);
INSERT INTO child SELECT n FROM generate_series(1, 60000) AS g (n);
CREATE TABLE small AS SELECT 1 AS n;
CREATE INDEX by_n ON t (n);
CREATE FUNCTION recent(x date) RETURNS boolean STABLE LANGUAGE plpgsql AS 'BEGIN RETURN x > current_date; END';
CREATE FUNCTION twice(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x * 2; END';
ANALYZE;
"""

PLAIN = {
    "SELECT * FROM t": "all",
    "select n as number, upper(name) AS name\nfrom public.t AS x -- t\nwhere x.n % 3 = 0 OR x.name IS NULL -- the third": "an alias",
    'SELECT "order", "order" FROM "My Table" "a b" WHERE "a b"."order" IS DISTINCT FROM 5': "names in quotes",
    "SELECT CASE WHEN n > 5 THEN name END AS x, (n + (7)) AS y, twice(n), 'FROM x WHERE' AS z FROM t": "brackets",
    "SELECT * FROM ready WHERE (day > DATE '2026-01-05' OR n < 100) /* some */": "a materialised view",
    "SELECT extract(day FROM day) AS d, ratio, at FROM t WHERE n > 5 OR n < 3 OR n = 4": "from in brackets",
}
NOT_PLAIN = {
    "SELECT count(*) AS n FROM t": "more than a plain selection",
    "SELECT n % 5 AS m FROM t GROUP BY m": "more than a plain selection",
    "SELECT n FROM t WHERE n > 5 GROUP BY n": "more than a plain selection",
    "SELECT DISTINCT day FROM t": "more than a plain selection",
    "SELECT * FROM t ORDER BY name": "more than a plain selection",
    "SELECT * FROM t WHERE name > 'a' ORDER BY name": "more than a plain selection",
    "SELECT * FROM t LIMIT 300": "more than a plain selection",
    "SELECT * FROM t OFFSET 300": "more than a plain selection",
    "SELECT * FROM t WHERE n % 2 = 0 FETCH FIRST 5 ROWS ONLY": "more than a plain selection",
    "SELECT * FROM t TABLESAMPLE SYSTEM (10)": "system",
    "SELECT n, (SELECT max(n) FROM small) AS most FROM t": "more than a plain selection",
    "SELECT n, row_number() OVER () AS r FROM t": "more than a plain selection",
    "SELECT t.n FROM t JOIN small ON t.n = small.n": "more than a plain selection",
    "SELECT t.n FROM t, small": "more than a plain selection",
    "SELECT n FROM t WHERE n IN (SELECT n FROM small)": "more than a plain selection",
    "SELECT n FROM t UNION ALL SELECT n FROM t": "more than a plain selection",
    "SELECT n FROM t WHERE n % 2 = 0 UNION ALL SELECT n FROM small": "more than a plain selection",
    "WITH x AS (SELECT * FROM t) SELECT n FROM x": "more than a plain selection",
    "SELECT n FROM (SELECT n FROM t) AS x": "more than a plain selection",
    "SELECT unnest(ARRAY[n, n]) AS n FROM t": "more than a plain selection",
    "SELECT * FROM generate_series(1, 1000) AS n": "more than a plain selection",
    "TABLE t": "more than a plain selection",
    "SELECT 1 AS n": "more than a plain selection",
    "SELECT n FROM t WHERE n = 77": "through an index",
    "SELECT name FROM t WHERE n < 40 OR n = 77": "through an index",
    "SELECT * FROM v": "a view",
    "SELECT * FROM parts": "partitioned table",
    "SELECT * FROM parent": "more than a plain selection",
    "SELECT n, random() AS r FROM t": "random",
    "SELECT n FROM t WHERE age(day) > interval '1 day'": "age",
    "SELECT n FROM t WHERE at < clock_timestamp()": "clock_timestamp",
    "SELECT n FROM t WHERE at < pg_catalog.now()": "now",
    "SELECT n, current_time AS at FROM t": "current_time",
    "SELECT n, now() FROM t": "now",
    "SELECT n FROM t WHERE day < 'Today'": "'Today'",
    "SELECT n FROM t WHERE recent(day)": "recent",
    "SELECT * FROM aged": "CURRENT_DATE",
    "SELECT * FROM small": "too small",
}


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    database = postgres.lasting_database()
    with psycopg.connect(database) as connection:
        connection.execute(TABLES.encode())
    return database


@pytest.mark.parametrize("wanted", [2, 1000])
@pytest.mark.parametrize("sql", PLAIN, ids=PLAIN.values())
def test_a_plain_selection_is_divided_by_pages_and_keeps_its_order(url: str, sql: str, wanted: int) -> None:
    plan, tables = in_splits(url, Path(), sql, wanted)
    assert (plan.is_lasting, plan.note) == (False, None)
    assert 1 < len(tables) <= wanted
    assert pa.concat_tables(tables) == in_one(url, Path(), sql)
    assert all(len(one) for one in tables[:-1])


@pytest.mark.parametrize(("sql", "why"), NOT_PLAIN.items())
def test_any_other_query_is_one_split_with_the_reason(url: str, sql: str, why: str) -> None:
    with opened(url, Path()) as source, plan_splits(source, sql, 4) as plan:
        assert (list(plan.places), plan.is_lasting) == ([{}], True)
        assert plan.note
        assert why in plan.note


PRESENT = {
    "SELECT n, now() AS seen FROM t WHERE day < current_date - 3 AND localtimestamp > day": None,
    "SELECT n, CURRENT_TIMESTAMP - at AS age, 'now()' AS word /* now() */ FROM t WHERE now( ) > at": None,
    "SELECT day, current_date AS today, count(*) AS many FROM v WHERE at < transaction_timestamp() GROUP BY day": "day",
}


@pytest.mark.parametrize(("sql", "split_by"), PRESENT.items())
def test_the_present_is_the_same_in_all_splits(url: str, sql: str, split_by: str | None) -> None:
    plan, tables = in_splits(url, Path(), sql, 3, split_by)
    assert plan.note is None
    assert len(tables) == 3
    whole, divided = in_one(url, Path(), sql), pa.concat_tables(tables)
    assert divided.schema == whole.schema
    if "seen" in whole.column_names:
        assert len(divided["seen"].unique()) == 1
    others = [name for name in ("n", "day", "today", "many") if name in whole.column_names]
    assert rows_of([divided.select(others)]) == rows_of([whole.select(others)])


BY_COLUMN = {
    "n": "SELECT * FROM t",
    "day": "SELECT day, name, count(*) AS many FROM t GROUP BY day, name",
    "name": "SELECT t.* FROM t JOIN ready USING (n) ORDER BY n",
    "at": "SELECT n, CASE WHEN n % 7 > 0 THEN at END AS at FROM v",
    "local": "SELECT n, CASE n WHEN 1 THEN 'infinity' ELSE at::timestamp END AS local FROM t",
    "ratio": "SELECT ratio, n FROM t",
}


@pytest.mark.parametrize(("split_by", "sql"), BY_COLUMN.items())
def test_a_column_of_the_result_divides_any_query(url: str, split_by: str, sql: str) -> None:
    plan, tables = in_splits(url, Path(), sql, 3, split_by)
    assert (plan.is_lasting, plan.note, len(tables)) == (False, None, 3)
    assert rows_of(tables) == rows_of([in_one(url, Path(), sql)])
    sizes = [len(one) for one in tables]
    assert max(sizes) < 2 * sum(sizes) / len(sizes)


@pytest.mark.parametrize(
    ("sql", "why"),
    {
        "SELECT * FROM t LIMIT 300": "LIMIT",
        "SELECT * FROM t TABLESAMPLE BERNOULLI (10)": "TABLESAMPLE",
        "SELECT n, random() AS r FROM t": "random",
        "SELECT * FROM aged": "CURRENT_DATE",
        "SELECT 7 AS n FROM t": "too few different values",
        "SELECT n FROM t WHERE n < 0": "too few different values",
    }.items(),
)
def test_rows_that_differ_between_readings_are_not_divided_by_a_column(url: str, sql: str, why: str) -> None:
    with opened(url, Path()) as source, plan_splits(source, sql, 4, "n") as plan:
        assert list(plan.places) == [{}]
        assert plan.note
        assert why in plan.note


def test_a_column_to_divide_by_has_to_be_in_the_result(url: str) -> None:
    with (
        opened(url, Path()) as source,
        pytest.raises(ConfigurationError, match=r'has no column "nme". Did you mean "name"\?'),
        plan_splits(source, "SELECT n, name FROM t", 4, "nme"),
    ):
        pass


@pytest.fixture
def written(postgres: Postgres) -> Iterator[str]:
    """The URL of a database with a table of three versions of each row."""
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT n, repeat('x', 50) AS filler FROM generate_series(1, 60000) AS g (n)"
        )
        connection.execute("UPDATE t SET filler = repeat('y', 50)")
        connection.execute("DELETE FROM t WHERE n % 3 = 0")
    yield url


@pytest.mark.parametrize("split_by", [None, "n"])
def test_what_others_write_meanwhile_is_in_no_split(written: str, split_by: str | None) -> None:
    sql = "SELECT * FROM t"
    before = in_one(written, Path(), sql)
    with opened(written, Path()) as driver, plan_splits(driver, sql, 4, split_by) as plan:
        assert len(plan.places) == 4
        tables = []
        for number, place in enumerate(plan.places):
            with psycopg.connect(written, autocommit=True) as other:
                other.execute("UPDATE t SET n = n + 100000 WHERE n % 4 = 1")
                other.execute("DELETE FROM t WHERE n % 5 = 0")
                other.execute("INSERT INTO t SELECT n, 'new' FROM generate_series(1, 5000) AS g (n)")
                other.execute("VACUUM t")
            with opened(written, Path()) as source, execute_split(source, sql, place) as result:
                tables.append(table(result))
            assert in_one(written, Path(), sql) != before, number
        # What would move the rows waits until the splits are read.
        with psycopg.connect(written, autocommit=True) as other:
            other.execute("SET lock_timeout = 100")
            for statement in (b"VACUUM FULL t", b"TRUNCATE t"):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute(statement)
    assert rows_of(tables) == rows_of([before])
    if split_by is None:
        assert pa.concat_tables(tables) == before


def test_a_table_that_several_processes_of_the_server_read_is_divided_as_well(written: str) -> None:
    with psycopg.connect(written, autocommit=True) as other:
        for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
            other.execute(f"ALTER DATABASE {written.rpartition('/')[2]} SET {setting} = 0")
        other.execute("ANALYZE t")
    with psycopg.connect(written) as other:
        plan = str(other.execute("EXPLAIN SELECT n FROM t").fetchall())
    assert "Parallel Seq Scan" in plan
    _, tables = in_splits(written, Path(), "SELECT n FROM t", 4)
    assert len(tables) == 4
    assert rows_of(tables) == rows_of([in_one(written, Path(), "SELECT n FROM t")])


def test_a_server_that_ends_idle_transactions_keeps_the_snapshot(written: str) -> None:
    with psycopg.connect(written, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {written.rpartition('/')[2]} SET idle_in_transaction_session_timeout = '200ms'")
    with opened(written, Path()) as driver, plan_splits(driver, "SELECT n FROM t", 2) as plan:
        time.sleep(0.5)
        with opened(written, Path()) as source, execute_split(source, "SELECT n FROM t", plan.places[1]) as result:
            assert len(table(result))


def test_a_split_of_a_snapshot_that_ended_is_refused(written: str) -> None:
    with opened(written, Path()) as driver, plan_splits(driver, "SELECT n FROM t", 2) as plan:
        place = plan.places[0]
    with (
        opened(written, Path()) as source,
        pytest.raises(SourceError, match="reads the result again"),
        execute_split(source, "SELECT n FROM t", place),
    ):
        pass


def test_an_error_in_a_split_has_no_place_in_the_changed_query(written: str) -> None:
    sql = "SELECT n / (n - 50000) AS n FROM t"
    with opened(written, Path()) as driver, plan_splits(driver, sql, 4) as plan:
        assert len(plan.places) == 4
        with opened(written, Path()) as source, pytest.raises(SourceError, match="division by zero") as error:
            for place in plan.places:
                with execute_split(source, sql, place) as result:
                    list(result.batches())
    assert error.value.place is None


def test_the_driver_can_ask_other_things_while_splits_are_read(written: str) -> None:
    sql = "SELECT n FROM t"
    with opened(written, Path()) as driver, plan_splits(driver, sql, 2) as plan:
        assert driver.describe(sql).names == ["n"]
        with execute_split(driver, sql, plan.places[0]) as first, opened(written, Path()) as source:
            with execute_split(source, sql, plan.places[1]) as second:
                assert len(table(first)) + len(table(second)) == 40_000
