"""What holds of every warehouse alike."""

import subprocess
import sys
import threading

import pytest

from connector.errors import SourceError
from connector.sources.source import Source
from connector.sources.split import execute_split, plan_splits
from tests.sources.warehouses import ROW, TYPES, Kind

MOST_ROWS = 65_536


def rows_of(source: Source, sql: str) -> list[dict[str, object]]:
    with source.execute(sql) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


def test_values_keep_their_types_and_lose_nothing(kind: Kind) -> None:
    with kind.opened() as source, source.execute(kind.query()) as result:
        schema, rows = result.schema, [row for batch in result.batches() for row in batch.to_pylist()]
    assert dict(zip(schema.names, schema.types, strict=True)) | {"o": None} == {**TYPES, **kind.types, "o": None}
    assert rows == [{"o": 1, **ROW, **kind.row}, {"o": 2, **dict.fromkeys(ROW)}]


def test_the_columns_are_described_without_the_rows(kind: Kind) -> None:
    with kind.opened() as source:
        described = source.describe(kind.query())
        with source.execute(kind.query()) as result:
            assert described.equals(result.schema)


def test_an_empty_result_has_its_columns(kind: Kind) -> None:
    with kind.opened() as source, source.execute(f"SELECT * FROM ({kind.numbers(5)}) AS x WHERE n < 0") as result:
        assert [name.lower() for name in result.schema.names] == ["n", "name"]
        assert sum(batch.num_rows for batch in result.batches()) == 0


def test_columns_of_one_name_are_all_there(kind: Kind) -> None:
    if not kind.has_equal_names:
        with kind.opened() as source, pytest.raises(SourceError, match="Duplicate column names"):
            source.describe("SELECT 1 AS a, 2 AS a, 'x' AS b")
        return
    with kind.opened() as source, source.execute(f"SELECT 1 AS a, {kind.twin} AS a, 'x' AS b") as result:
        (batch,) = result.batches()
    assert [name.lower() for name in batch.schema.names] == ["a", "a", "b"]
    assert [column.to_pylist() for column in batch.columns] == [[1], [kind.twin], ["x"]]


def test_rows_come_in_order_and_in_batches_of_one_schema(kind: Kind) -> None:
    with kind.opened() as source, source.execute(kind.numbers(100_000)) as result:
        batches = list(result.batches())
        assert {batch.schema for batch in batches} == {result.schema}
    assert max(batch.num_rows for batch in batches) <= MOST_ROWS
    assert len(batches) > 1
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(1, 100_001))


def test_the_first_rows_come_before_the_last_are_made(streaming: Kind) -> None:
    """Of rows without end; and nobody waits for them when they are left."""
    kind = streaming
    assert kind.endless is not None
    with kind.opened() as source:
        with source.execute(kind.endless) as result:
            assert next(result.batches()).column(0)[0].as_py() == 1
        assert rows_of(source, "SELECT 1 AS n") == [{"n": 1}]


MISTAKES = {
    "table": ("SELECT * FROM nowhere", "nowhere"),
    "column": ("SELECT amount FROM t", "amount"),
    "syntax": ("SELECT FROM WHERE", ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_query_that_fails_is_told_in_one_sentence_that_names_what_is_missing(kind: Kind, mistake: str) -> None:
    sql, named = MISTAKES[mistake]
    with kind.opened() as source:
        with pytest.raises(SourceError) as caught:
            rows_of(source, sql)
        assert "\n" not in caught.value.message
        assert caught.value.message.startswith("The query failed: ")
        assert named in caught.value.message.lower()
        assert rows_of(source, "SELECT 1 AS a")


def test_the_error_has_the_place_in_the_query(kind: Kind) -> None:
    for run in ("describe", "execute"):
        with kind.opened() as source, pytest.raises(SourceError) as caught:
            if run == "describe":
                source.describe("SELECT\n  1 AS one,\n   amount FROM t")
            else:
                rows_of(source, "SELECT\n  1 AS one,\n   amount FROM t")
        if kind.warehouse.dialect not in {"snowflake", "sqlite"}:
            assert caught.value.place == (3, 4)


def test_a_value_that_cannot_be_read_is_not_quoted(kind: Kind) -> None:
    with kind.opened() as source, pytest.raises(SourceError) as caught:
        rows_of(source, kind.unreadable)
    assert "jo@" not in caught.value.message


def test_an_error_after_the_first_rows_comes_through(streaming: Kind) -> None:
    kind = streaming
    assert kind.breaking is not None
    with kind.opened() as source, source.execute(kind.breaking) as result:
        batches = result.batches()
        assert next(batches).num_rows > 0
        with pytest.raises(SourceError, match="The query failed"):
            list(batches)


def test_a_query_is_cancelled_from_another_thread_and_the_next_one_runs(kind: Kind) -> None:
    done = threading.Event()

    def cancel(source: Source) -> None:
        while not done.wait(0.1):
            source.cancel()

    with kind.opened() as source:
        thread = threading.Thread(target=cancel, args=(source,))
        thread.start()
        try:
            with pytest.raises(SourceError):
                rows_of(source, kind.busy)
        finally:
            done.set()
            thread.join()
        assert rows_of(source, "SELECT 1 AS a")


def test_nothing_is_left_open(kind: Kind) -> None:
    with kind.opened() as source:
        with source.execute(kind.numbers(100_000)) as result:
            next(result.batches())
    assert kind.is_let_go()


@pytest.mark.parametrize("split_by", [None, "n", "name"])
def test_splits_have_the_rows_of_one_reading_and_leave_nothing_open(kind: Kind, split_by: str | None) -> None:
    sql = f"SELECT * FROM ({kind.numbers(20_000)}) AS x WHERE n % 3 > 0"
    numbers = []
    with kind.opened() as driver, plan_splits(driver, sql, 3, split_by) as plan:
        schema = driver.describe(sql)
        for place in plan.places:
            with kind.opened() as source, execute_split(source, sql, place) as result:
                assert result.schema.equals(schema)
                numbers += [n for batch in result.batches() for n in batch.column(0).to_pylist()]
            with kind.opened() as source, execute_split(source, sql, place) as result:
                next(result.batches())
    assert sorted(numbers) == [n for n in range(1, 20_001) if n % 3 > 0]
    assert (len(plan.places) == 1) == bool(plan.note)
    assert kind.is_let_go()


@pytest.mark.parametrize(
    "sql", ["DELETE FROM t", "CREATE TABLE t2 AS SELECT 1 AS n", "SELECT 1; DELETE FROM t", "", "-- SELECT"]
)
def test_anything_but_one_query_is_refused(kind: Kind, sql: str) -> None:
    with kind.opened() as source:
        with pytest.raises(SourceError):
            rows_of(source, sql)
        with pytest.raises(SourceError):
            source.describe(sql)
    assert kind.count() == 1


def test_the_warehouse_is_only_read(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kind.directory)
    before = set(kind.directory.iterdir())
    with kind.opened() as source:
        for sql in kind.writing:
            with pytest.raises(SourceError):
                rows_of(source, sql)
    assert kind.count() == 1
    assert set(kind.directory.iterdir()) == before


def test_a_query_may_begin_with_a_comment_and_in_brackets(kind: Kind) -> None:
    with kind.opened() as source:
        assert rows_of(source, "-- one\n/* two */ WITH x AS (SELECT 3 AS n) SELECT n FROM x")


@pytest.mark.parametrize("ending", ["-- end", "-- end\n", "/* end */", "--", "-- it's (", "/* -- */ -- ;"])
def test_a_query_may_end_in_a_comment(kind: Kind, ending: str) -> None:
    with kind.opened() as source:
        found = rows_of(source, f"SELECT 3 AS n {ending}")
        assert [list(row.values()) for row in found] == [[3]]
        assert [name.lower() for name in source.describe(f"SELECT 3 AS n {ending}").names] == ["n"]


READ = """
import re
from pathlib import Path
from tests.sources.warehouses import opened
def rows(sql):
    with opened({url!r}, Path({directory!r}), **{settings!r}) as source, source.execute(sql) as result:
        return sum(batch.num_rows for batch in result.batches())
def peak():
    # Of this process alone: what getrusage says goes back to the one that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024
assert rows({few!r}) == 100_000
before = peak()
assert rows({many!r}) == {count}
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_result(kind: Kind) -> None:
    """Ten times the rows (for Snowflake's stand-in, six times) take hardly more than a tenth of them did.

    DuckDB keeps up to ten megabytes ready for whoever reads slowly, so it has to give thirty times as many.
    The whole results would take 27 MB a million rows and more.
    """
    count = {"snowflake": 600_000, "duckdb": 3_000_000}.get(kind.warehouse.dialect, 1_000_000)
    url = kind.warehouse.url.get_secret_value()
    secrets = {"password": kind.warehouse.password, "token": kind.warehouse.token}
    password = {name: secret.get_secret_value() for name, secret in secrets.items() if secret}
    script = READ.format(
        url=url,
        directory=str(kind.directory),
        settings={**password, "options": dict(kind.warehouse.options)},
        few=kind.numbers(100_000),
        many=kind.numbers(count),
        count=count,
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < (40 if kind.warehouse.dialect == "duckdb" else 20)
