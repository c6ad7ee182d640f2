"""Division of the results of DuckDB files."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import ConfigurationError, SourceError
from connector.sources.split import execute_split, plan_splits
from tests.hypothesis_settings import scaled
from tests.sources.splitting import in_one, in_splits, rows_of
from tests.sources.warehouses import opened

URL = "duckdb:///shop.duckdb"
ROWS = 20_000

PLAIN = {
    "SELECT * FROM t": "all",
    "FROM t": "the short form",
    "SELECT n AS number, upper(name) AS name, day FROM main.t AS x WHERE x.n % 3 = 0 -- the third": "an alias",
    "SELECT * EXCLUDE (name), [n, n + 1] AS pair FROM shop.main.t WHERE (n > 5 OR name LIKE 'u%''%')": "quotes",
    'SELECT n, n, name AS "a ""b""" FROM t WHERE n >= 100 AND n < 19000': "equal names",
    "SELECT rowid AS place, n FROM t WHERE rowid % 2 = 0": "row ids",
    "SELECT CASE WHEN n > 5 THEN name ELSE NULL END AS x, n // 7 AS y, CAST(n AS DECIMAL(12, 2)) AS z FROM t": "types",
    'SELECT "order" FROM "my schema"."my ""table" WHERE "order" IS NOT NULL': "names that need quotes",
    "SELECT s, s.a AS inner_value FROM nested": "a first column with parts",
}
NOT_PLAIN = {
    "SELECT count(*) AS n FROM t": "more than a plain selection",
    "SELECT n % 5 AS m FROM t GROUP BY m": "more than a plain selection",
    "SELECT DISTINCT day FROM t": "more than a plain selection",
    "SELECT * FROM t ORDER BY name": "more than a plain selection",
    "SELECT * FROM t LIMIT 300": "more than a plain selection",
    "SELECT * FROM t OFFSET 300": "more than a plain selection",
    "SELECT * FROM t TABLESAMPLE 10%": "more than a plain selection",
    "SELECT * FROM t USING SAMPLE 10": "more than a plain selection",
    "SELECT n, row_number() OVER () AS r FROM t": "more than a plain selection",
    "SELECT n FROM t QUALIFY row_number() OVER (ORDER BY n) < 5": "more than a plain selection",
    "SELECT t.n FROM t JOIN nested ON t.n = s.a": "more than a plain selection",
    "SELECT t.n FROM t, nested": "more than a plain selection",
    "SELECT n FROM t WHERE n IN (SELECT s.a FROM nested)": "more than a plain selection",
    "SELECT n FROM t WHERE n < (SELECT max(s.a) FROM nested)": "more than a plain selection",
    "SELECT n FROM t UNION ALL SELECT n FROM t": "more than a plain selection",
    "WITH x AS (SELECT * FROM t) SELECT n FROM x": "more than a plain selection",
    "SELECT n FROM (SELECT n FROM t) AS x": "more than a plain selection",
    "SELECT unnest([n, n]) AS n FROM t": "more than a plain selection",
    "PIVOT t ON day IN ('2026-01-01') USING sum(n)": "more than a plain selection",
    "SELECT * FROM range(1000)": "more than a plain selection",
    "SELECT 1 AS n": "more than a plain selection",
    "SELECT * FROM v": "a view",
    "SELECT * FROM own_rowid": "a column rowid",
    "SELECT n, random() AS r FROM t": "random()",
    "SELECT n FROM t WHERE day < localtimestamp": "localtimestamp",
    "SELECT n, rolled(n) AS r FROM t": "random()",
    "SELECT * FROM small": "one row group",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}/shop.duckdb' AS shop (ROW_GROUP_SIZE 2048)")
        connection.execute("USE shop")
        connection.execute(
            "CREATE TABLE t AS SELECT range AS n, 'user''' || range AS name, DATE '2026-01-01' + (range % 90)::INT AS day,"
            f" hash(range)::VARCHAR AS text FROM range({ROWS})"
        )
        connection.execute("DELETE FROM t WHERE n BETWEEN 3000 AND 9000 OR n % 11 = 0")
        connection.execute("UPDATE t SET name = NULL WHERE n % 13 = 0")
        connection.execute("CREATE VIEW v AS SELECT * FROM t")
        connection.execute("CREATE MACRO recent(x) AS x < current_date - 1")
        connection.execute("CREATE MACRO rolled(x) AS x + random()")
        connection.execute("CREATE VIEW rolled AS SELECT n, random() AS r FROM t")
        connection.execute(
            "CREATE VIEW aged AS SELECT *, now() AS seen, current_date - day AS age FROM t WHERE recent(day)"
        )
        connection.execute('CREATE SCHEMA "my schema"')
        connection.execute(f'CREATE TABLE "my schema"."my ""table" AS SELECT range AS "order" FROM range({ROWS})')
        connection.execute(f"CREATE TABLE nested AS SELECT {{'a': range, 'b': [range]}} AS s FROM range({ROWS})")
        connection.execute(f"CREATE TABLE own_rowid AS SELECT -range AS rowid FROM range({ROWS})")
        connection.execute("CREATE TABLE small AS SELECT range AS n FROM range(100)")
    return path


@pytest.mark.parametrize("wanted", [3, 1000])
@pytest.mark.parametrize("sql", PLAIN, ids=PLAIN.values())
def test_a_plain_selection_is_divided_by_row_groups_and_keeps_its_order(folder: Path, sql: str, wanted: int) -> None:
    plan, tables = in_splits(URL, folder, sql, wanted)
    assert (plan.is_lasting, plan.note) == (True, None)
    assert 1 < len(tables) <= min(wanted, 10)
    assert pa.concat_tables(tables) == in_one(URL, folder, sql)


@pytest.mark.parametrize(("sql", "why"), NOT_PLAIN.items())
def test_any_other_query_is_one_split_with_the_reason(folder: Path, sql: str, why: str) -> None:
    with opened(URL, folder) as source, plan_splits(source, sql, 4) as plan:
        assert list(plan.places) == [{}]
        assert plan.note
        assert why in plan.note


PRESENT = {
    "SELECT n, current_date, now() FROM t WHERE day < current_date - 3 AND today() > day": None,
    "SELECT n, current_timestamp - day::TIMESTAMPTZ AS age FROM t WHERE recent(day)": None,
    "SELECT n, seen, age, get_current_timestamp() AS moment FROM aged": "n",
    "SELECT day, transaction_timestamp(), count(*) AS many FROM aged GROUP BY ALL": "day",
}


@pytest.mark.parametrize(("sql", "split_by"), PRESENT.items())
def test_the_present_is_the_same_in_all_splits(folder: Path, sql: str, split_by: str | None) -> None:
    plan, tables = in_splits(URL, folder, sql, 4, split_by)
    assert plan.note is None
    assert len(tables) == 4
    whole, divided = in_one(URL, folder, sql), pa.concat_tables(tables)
    assert divided.schema == whole.schema
    moments = [place for place, field in enumerate(whole.schema) if pa.types.is_timestamp(field.type)]
    assert all(len(divided.column(place).unique()) == 1 for place in moments)
    others = [place for place, field in enumerate(whole.schema) if str(field.type) in {"int64", "date32[day]"}]
    assert rows_of([divided.select(others)]) == rows_of([whole.select(others)])
    assert rows_of(tables) == rows_of(in_splits(URL, folder, sql, 4, split_by, known=plan.places)[1])


def test_a_macro_of_the_warehouse_with_the_name_of_a_function_of_the_present_stays(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path}/shop.duckdb' AS shop (ROW_GROUP_SIZE 2048)")
        connection.execute("USE shop")
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(9000)")
        connection.execute("CREATE MACRO today() AS DATE '2020-01-01'")
    for call in ("today()", "now()"):
        plan, tables = in_splits(URL, tmp_path, f"SELECT n, {call} AS moment FROM t", 3)
        assert f"it calls {call}" in str(plan.note)
        assert len(tables) == 1
    with opened(URL, tmp_path) as source, source.execute("SELECT today() AS day") as result:
        assert [batch.to_pylist() for batch in result.batches()] == [[{"day": date(2020, 1, 1)}]]


BY_COLUMN = {
    "mood": "SELECT n, (CASE WHEN n % 2 = 0 THEN 'good' ELSE 'bad' END)::ENUM ('good', 'bad', 'none') AS mood FROM t",
    "n": "SELECT * FROM t",
    "day": "SELECT day, name, count(*) AS many FROM t GROUP BY ALL",
    "text": "SELECT t.*, s FROM t JOIN nested ON n = s.a ORDER BY n",
    "at": "SELECT *, CASE WHEN n % 7 > 0 THEN day::TIMESTAMP + to_seconds(n) END AS at FROM v",
    "zoned": "SELECT n, CASE n WHEN 1 THEN 'infinity' ELSE day::TIMESTAMPTZ END AS zoned FROM t",
    "Mixed Case": 'SELECT n - 10000 AS "mixed case" FROM t UNION ALL SELECT NULL FROM range(10)',
    "nano": "SELECT n, make_timestamp_ns(n * 1234567) AS nano FROM t",
}


@pytest.mark.parametrize(("split_by", "sql"), BY_COLUMN.items())
def test_a_column_of_the_result_divides_any_query(folder: Path, split_by: str, sql: str) -> None:
    plan, tables = in_splits(URL, folder, sql, 3, split_by)
    assert (plan.is_lasting, plan.note, len(tables)) == (True, None, 3)
    assert rows_of(tables) == rows_of([in_one(URL, folder, sql)])
    if split_by == "mood":
        return
    sizes = [len(table) for table in tables]
    assert max(sizes) < 2 * sum(sizes) / len(sizes)


@pytest.mark.parametrize(
    ("sql", "why"),
    {
        "SELECT * FROM t LIMIT 300": "LIMIT",
        "SELECT * FROM t ORDER BY name LIMIT 300": "LIMIT",
        "SELECT * FROM t TABLESAMPLE 10%": "SAMPLE",
        "SELECT n, random() AS r FROM t": "random()",
        "SELECT * FROM t WHERE day < localtimestamp": "localtimestamp",
        "SELECT * FROM rolled": "random()",
        "SELECT n FROM read_csv('{folder}/rows.csv')": "more than tables of the warehouse file",
        "SELECT 7 AS n FROM t": "too few different values",
        "SELECT n FROM t WHERE n < 0": "too few different values",
    }.items(),
)
def test_rows_that_differ_between_readings_are_not_divided_by_a_column(folder: Path, sql: str, why: str) -> None:
    (folder / "rows.csv").write_text("n\n1\n2\n")
    with opened(URL, folder) as source, plan_splits(source, sql.format(folder=folder), 4, "n") as plan:
        assert list(plan.places) == [{}]
        assert plan.note
        assert why in plan.note


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("nme", 'split_by: the result has no column "nme". Did you mean "name"?'),
        ("ratio", 'split_by: the column "ratio" holds values of type double'),
    ],
)
def test_a_column_to_divide_by_has_to_be_in_the_result_and_of_a_type_with_ranges(
    folder: Path, column: str, message: str
) -> None:
    sql = "SELECT n, name, n / 7 AS ratio FROM t"
    with (
        opened(URL, folder) as source,
        pytest.raises(ConfigurationError) as error,
        plan_splits(source, sql, 4, column),
    ):
        pass
    assert str(error.value).startswith(message)


def test_places_quote_no_values_of_texts_and_round_numbers_and_times(folder: Path) -> None:
    sql = "SELECT name, 4915112345678 + n * 1000 AS phone, day::TIMESTAMP + to_milliseconds(n) AS at FROM t"
    with opened(URL, folder) as source:
        for column in ("name", "phone", "at"):
            with plan_splits(source, sql, 4, column) as plan:
                text = str([{**place, "file": None, "query": None, "times": None} for place in plan.places])
            assert "user" not in text
            assert "5678" not in text
            assert "." not in text


def test_a_file_that_was_written_since_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(300000)")
    with opened(URL, tmp_path) as source, plan_splits(source, "SELECT * FROM t", 2) as plan:
        places = list(plan.places)
        with plan_splits(source, "SELECT * FROM t", 3, known=places) as again:
            assert list(again.places) == places
        with plan_splits(source, "SELECT n FROM t", 3, known=places) as other:
            assert {place["query"] for place in other.places} != {place["query"] for place in places}
    with duckdb.connect(str(file)) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    with opened(URL, tmp_path) as source, plan_splits(source, "SELECT * FROM t", 2, known=places) as other:
        assert list(other.places) != places
    with (
        opened(URL, tmp_path) as source,
        pytest.raises(SourceError, match="changed since the result was divided"),
        execute_split(source, "SELECT * FROM t", places[0]),
    ):
        pass


def test_a_warehouse_in_memory_is_one_split(tmp_path: Path) -> None:
    for split_by in (None, "n"):
        with (
            opened("duckdb:///:memory:", tmp_path) as source,
            plan_splits(source, "SELECT 1 AS n", 4, split_by) as plan,
        ):
            assert list(plan.places) == [{}]
            assert "in memory" in str(plan.note)


def test_an_error_in_a_split_shows_no_line_of_the_changed_query(folder: Path) -> None:
    sql = "SELECT n::TINYINT AS n\nFROM t"
    with opened(URL, folder) as source, plan_splits(source, sql, 4) as plan:
        assert len(plan.places) == 4
        with pytest.raises(SourceError) as error, execute_split(source, sql, plan.places[-1]) as result:
            list(result.batches())
    assert "Conversion Error" in error.value.message
    assert "LINE" not in error.value.message
    assert error.value.place is None


@scaled(settings(deadline=None), 30)
@given(
    deleted=st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 3_000)), max_size=4),
    added=st.integers(0, 3_000),
    wanted=st.integers(2, 12),
    where=st.sampled_from(["", " WHERE n % 2 = 0", " WHERE name > 'user5' OR n IS NULL"]),
)
def test_the_rows_of_all_splits_are_those_of_one_reading(
    tmp_path_factory: pytest.TempPathFactory, deleted: list[tuple[int, int]], added: int, wanted: int, where: str
) -> None:
    path = tmp_path_factory.mktemp("duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}/shop.duckdb' AS shop (ROW_GROUP_SIZE 2048)")
        connection.execute("CREATE TABLE shop.t AS SELECT range AS n, 'user' || range AS name FROM range(9000)")
        for first, count in deleted:
            connection.execute(f"DELETE FROM shop.t WHERE n BETWEEN {first} AND {first + count}")
        connection.execute("CHECKPOINT shop")
        connection.execute(f"INSERT INTO shop.t SELECT range, 'new' || range FROM range({added})")
    sql = f"SELECT * FROM t{where}"
    _, tables = in_splits(URL, path, sql, wanted)
    assert pa.concat_tables(tables) == in_one(URL, path, sql)
