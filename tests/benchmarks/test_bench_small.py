"""The benchmarks at a size that says nothing about speed."""

import time
from pathlib import Path

import duckdb
import pytest

from benchmarks import run
from benchmarks.console_section import console_pages, measure_console
from benchmarks.data import purchases
from benchmarks.floor import hashed_texts
from benchmarks.measure import measure_by_hand
from benchmarks.one_run import OneRun, one_run
from benchmarks.profile import LIBRARIES
from benchmarks.project import project_folder
from benchmarks.simulator_speed import measure_simulator
from benchmarks.sink import Totals, running_sink
from benchmarks.sources import SOURCES

pytestmark = pytest.mark.thorough

ROWS = 3_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def profiled(data: Path) -> tuple[OneRun, Totals]:
    with running_sink() as sink, project_folder(purchases(data, ROWS), sink.url) as directory:
        return one_run(directory, profile=True), sink.totals()


def test_the_report_is_printed_and_written(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "RESULTS.md"
    arguments = ["--rows", str(ROWS), "--sizes", "4000", "--repetitions", "1", "--keys", "5000", "--audience", "2000"]
    arguments += ["--shapes", "2000,3000", "--skip", "cluster", "--skip", "console"]
    assert run.main([*arguments, "--data", str(data), "--output", str(output)]) == 0
    report = output.read_text()
    assert report.strip() == capsys.readouterr().out.strip()
    assert "Transform on two threads at least 6 times the Python reference" in report
    assert "A row at 4,000 rows costs at most 1.1 times what it costs at 3,000" in report
    for stage in ("transform alone", "stage", "send", "whole"):
        assert f"| 4,000 | {stage} |" in report
    for shape in ("in any order", "each an event"):
        assert f"| 2,000 | {shape} | whole |" in report
        assert f"Memory at 3,000 rows, {shape}, under 1 GB" in report
    assert "| 5,000 |" in report
    assert "| 2,000 | a tenth changed |" in report
    assert "| dlt, given Arrow | 3,000 |" in report
    assert "| one event a request | 3,000 |" in report
    assert "| 8 | one event a request | 2,000 |" in report
    for source in (source.name for source in SOURCES if source.is_here()):
        assert f"| {source} | {ROWS:,} |" in report
    assert "The simulator takes on one core at least as many events a second as the product sends" in report
    assert str(tmp_path) not in report
    assert list(data.glob("project-*")) == []


def test_pages_of_the_console_are_compared_with_those_of_an_empty_ledger() -> None:
    lines = list(console_pages(measure_console(runs=(0, 2, 3), repetitions=1)))
    assert [line.split(" | ")[0] for line in lines[-3:]] == ["| overview", "| runs", "| orchestration"]
    assert all(float(line.split(" | ")[-1].removesuffix(" |")) > 0 for line in lines[-3:])


def test_both_sides_send_the_same_events(data: Path) -> None:
    file = purchases(data, ROWS)
    with duckdb.connect(str(file), read_only=True) as connection:
        orders = connection.sql("SELECT count(DISTINCT order_id) FROM purchases").fetchall()[0][0]
    found = measure_by_hand(data, ROWS, 1, lambda _: None)
    assert found.product_sent.events == found.reference_sent.events
    assert 0.97 * orders < found.product_sent.events < orders
    assert found.product_sent.body_bytes == found.reference_sent.body_bytes
    assert measure_simulator(file, 1, lambda _: None).events == found.product_sent.events


def test_the_parts_of_a_run_add_up_to_what_its_process_used(profiled: tuple[OneRun, Totals]) -> None:
    run, _ = profiled
    assert sum(run.parts.values()) == pytest.approx(run.whole.cpu)
    assert run.stage.cpu + run.send.cpu < run.process.cpu
    # Clocks of threads and that of the process are not read at the same moment.
    assert all(cpu >= 0 for name, cpu in run.parts.items() if name != LIBRARIES)
    assert run.parts[LIBRARIES] > -0.05


def test_the_first_request_comes_after_the_first_rows(profiled: tuple[OneRun, Totals]) -> None:
    run, totals = profiled
    assert totals.first_at is not None
    assert run.first_rows_at is not None
    assert 0 < totals.first_at - run.first_rows_at < run.process.seconds


def test_what_is_hashed_is_what_the_orders_say(data: Path) -> None:
    """Every order has one e-mail and one phone at most; what is no digest already, nor invalid, is hashed."""
    file = purchases(data, ROWS)
    with duckdb.connect(str(file), read_only=True) as connection:
        (expected,) = connection.sql("""
            SELECT count(DISTINCT order_id) FILTER (email LIKE '%@%')
                + count(DISTINCT order_id) FILTER (phone <> 'n/a')
            FROM purchases
        """).fetchall()[0]
    assert len(list(hashed_texts(file))) == expected


def test_rows_are_as_many_as_asked_for_and_not_made_twice(data: Path) -> None:
    file = purchases(data, ROWS)
    made = file.stat().st_mtime_ns
    assert purchases(data, ROWS) == file
    assert file.stat().st_mtime_ns == made
    with duckdb.connect(str(file), read_only=True) as connection:
        rows, oldest = connection.sql("SELECT count(*), epoch(min(timestamp)) FROM purchases").fetchall()[0]
    assert rows == ROWS
    assert time.time() - 7 * 86_400 < oldest < time.time()
