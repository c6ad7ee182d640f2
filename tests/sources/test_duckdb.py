"""DuckDB as a warehouse: real files, read-only, streamed."""

import threading
from pathlib import Path

import duckdb
import pytest

from connector.errors import ConfigurationError, Interrupted, SourceError
from connector.sources.background_reader import read_in_background
from tests.sources.warehouses import opened

ENDLESS = "SELECT max(hash(a.range::VARCHAR || b.range)) FROM range(1000000) AS a, range(100000) AS b"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as warehouse:
        warehouse.execute("CREATE TABLE t AS SELECT range AS n, 'user' || range AS name FROM range(200000)")
    return tmp_path


def test_rows_come_in_order_and_in_batches(folder: Path) -> None:
    with opened("duckdb:///shop.duckdb", folder) as source, source.execute("SELECT * FROM t") as result:
        assert result.schema.names == ["n", "name"]
        batches = list(result.batches())
    assert len(batches) > 1
    assert [n for batch in batches for n in batch["n"].to_pylist()] == list(range(200_000))


def test_the_warehouse_is_only_read(folder: Path) -> None:
    with (
        opened("duckdb:///shop.duckdb", folder) as source,
        pytest.raises(SourceError, match="one SELECT"),
        source.execute("DELETE FROM t"),
    ):
        pass
    with duckdb.connect(str(folder / "shop.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM t").fetchone() == (200_000,)


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "COPY t TO 'leak.csv'", "CREATE TEMP TABLE x AS SELECT 1", ""])
def test_anything_but_one_query_is_refused(folder: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with (
        opened("duckdb:///shop.duckdb", folder) as source,
        pytest.raises(SourceError, match="one SELECT"),
        source.execute(sql),
    ):
        pass
    assert not (folder / "leak.csv").exists()


def test_a_missing_file_is_made_from_the_sql_beside_it(tmp_path: Path) -> None:
    (tmp_path / "demo.sql").write_text("CREATE TABLE t AS SELECT 7 AS n;")
    for _ in range(2):
        with opened("duckdb:///demo.duckdb", tmp_path) as source, source.execute("SELECT n FROM t") as result:
            assert [batch.to_pylist() for batch in result.batches()] == [[{"n": 7}]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.duckdb", "demo.sql"]


def test_sql_that_fails_leaves_no_half_made_warehouse(tmp_path: Path) -> None:
    (tmp_path / "demo.sql").write_text("CREATE TABLE t AS SELECT 7 AS n; SELECT nothing;")
    with (
        pytest.raises(SourceError, match=r"demo\.sql could not make the warehouse"),
        opened("duckdb:///demo.duckdb", tmp_path),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["demo.sql"]


def test_a_missing_file_without_sql_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match='"shop.duckdb" does not exist'),
        opened("duckdb:///shop.duckdb", tmp_path),
    ):
        pass


def test_a_warehouse_of_another_kind_is_refused_with_what_can_be_read(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match='"duckbd".*duckdb://.*Did you mean "duckdb"'),
        opened("duckbd://x", tmp_path),
    ):
        pass


def test_a_failing_value_is_not_quoted(folder: Path) -> None:
    sql = "SELECT CAST(name || '@example.com' AS INTEGER) FROM t"
    with opened("duckdb:///shop.duckdb", folder) as source, pytest.raises(SourceError) as caught:
        with source.execute(sql) as result:
            list(result.batches())
    assert "@example.com" not in caught.value.message
    assert "Conversion Error" in caught.value.message


def test_nothing_may_be_written_to_a_temporary_folder(folder: Path) -> None:
    with opened("duckdb:///shop.duckdb", folder) as source:
        with source.execute("SELECT current_setting('temp_directory') AS folder") as result:
            assert [batch.to_pylist() for batch in result.batches()] == [[{"folder": ""}]]


@pytest.mark.thorough
def test_a_query_that_needs_more_memory_gets_it(folder: Path) -> None:
    sql = "SELECT count(DISTINCT md5(a.name || ' ' || b.range)) AS n FROM t AS a, range(40) AS b"
    with opened("duckdb:///shop.duckdb", folder) as source, source.execute(sql) as result:
        assert [batch.to_pylist() for batch in result.batches()] == [[{"n": 8_000_000}]]


def test_a_query_in_the_background_is_stopped(folder: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with opened("duckdb:///shop.duckdb", folder) as source, pytest.raises(Interrupted):
        with read_in_background(source, ENDLESS, stop):
            pass
    assert not [thread for thread in threading.enumerate() if thread.name == "source"]


def test_a_result_that_nobody_reads_to_the_end_is_left(folder: Path) -> None:
    with opened("duckdb:///shop.duckdb", folder) as source:
        with read_in_background(source, "SELECT * FROM t", threading.Event()) as result:
            next(result.batches())
    assert not [thread for thread in threading.enumerate() if thread.name == "source"]


def test_an_error_in_the_background_comes_through(folder: Path) -> None:
    with opened("duckdb:///shop.duckdb", folder) as source, pytest.raises(SourceError, match="nowhere"):
        with read_in_background(source, "SELECT * FROM nowhere", threading.Event()):
            pass
