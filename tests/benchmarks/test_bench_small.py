"""The benchmarks at a size that says nothing about speed."""

import time
from pathlib import Path

import duckdb
import pytest

from benchmarks import run
from benchmarks.data import purchases
from benchmarks.measure import measure_whole
from benchmarks.simulator_speed import measure_simulator
from benchmarks.sink import running_sink
from benchmarks.sink_speed import requests_per_second

pytestmark = pytest.mark.thorough

ROWS = 3_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def test_the_report_is_printed_and_written(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "RESULTS.md"
    arguments = ["--rows", str(ROWS), "--repetitions", "1", "--skip-memory", "--keys", "5000", "--audience", "2000"]
    assert run.main([*arguments, "--data", str(data), "--output", str(output)]) == 0
    report = output.read_text()
    assert report.strip() == capsys.readouterr().out.strip()
    assert "Transform on two threads at least 5 times the Python reference" in report
    assert "| 5,000 |" in report
    assert "| 2,000 | a tenth changed |" in report
    assert "| dlt, given Arrow | 3,000 |" in report
    assert "| one event a request | " in report
    for warehouse in ("DuckDB", "PostgreSQL", "SQLite", "Snowflake's driver", "a pipe-delimited file"):
        assert f"| {warehouse} | {ROWS:,} |" in report
    assert "The simulator takes on one core at least as many events a second as the product sends" in report
    assert str(tmp_path) not in report
    assert list(data.glob("project-*")) == []


def test_both_sides_send_the_same_events(data: Path) -> None:
    file = purchases(data, ROWS)
    with duckdb.connect(str(file), read_only=True) as connection:
        orders = connection.sql("SELECT count(DISTINCT order_id) FROM purchases").fetchall()[0][0]
    whole = measure_whole(file, 1, lambda _: None)
    assert whole.product_sent.events == whole.reference_sent.events
    assert 0.97 * orders < whole.product_sent.events < orders
    assert whole.product_sent.body_bytes == whole.reference_sent.body_bytes


def test_the_simulator_takes_every_event_that_the_product_makes(data: Path) -> None:
    file = purchases(data, ROWS)
    whole = measure_whole(file, 1, lambda _: None)
    assert measure_simulator(file, 1, lambda _: None).events == whole.product_sent.events


def test_rows_are_as_many_as_asked_for_and_not_made_twice(data: Path) -> None:
    file = purchases(data, ROWS)
    made = file.stat().st_mtime_ns
    assert purchases(data, ROWS) == file
    assert file.stat().st_mtime_ns == made
    with duckdb.connect(str(file), read_only=True) as connection:
        rows, oldest = connection.sql("SELECT count(*), epoch(min(timestamp)) FROM purchases").fetchall()[0]
    assert rows == ROWS
    assert time.time() - 7 * 86_400 < oldest < time.time()


def test_the_sink_counts_what_it_acknowledges() -> None:
    with running_sink() as sink:
        requests_per_second(sink, 300_001, 10)
        totals = sink.totals()
    assert (totals.requests, totals.body_bytes) == (10, 10 * 300_001)
