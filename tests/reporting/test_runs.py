"""`connector runs`: the list and its trend, one run's course, and the tables for dashboards."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import text

from connector.cli.options import parse_time
from connector.cli.summary import sparkline
from connector.config.project import load_project
from connector.errors import UsageError
from connector.ledger.ledger import open_ledger
from connector.reporting.export.table_schemas import TABLES
from connector.reporting.run_details import load_run_details
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, serving
from tests.postgres import Postgres

BAD = "SELECT *, CASE WHEN n % 10 = 0 THEN 'XX' END AS currency, 'o' || n AS order_id FROM ({good})"
QUERY = f"SELECT * FROM ({BAD.format(good=GOOD.replace('SELECT', 'SELECT n,', 1))})"
SIZES = (100, 100, 150)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A project that ran three times over ever new events, of which a tenth is rejected and one refused; and failed."""

    def answer(body: dict[str, Any]) -> Reply:
        refused = any(event["event_id"].endswith("e7") for event in body["data"])
        return Reply(40002, "Invalid value.", 400) if refused else OK

    with serving(answer) as tiktok:
        made = shop(tmp_path_factory.mktemp("insight") / "shop", tiktok.url, "")
        for number, rows in enumerate(SIZES):
            made.query.write_text(QUERY.format(rows=rows).replace("'e' || n", f"'{number}e' || n"))
            assert inside("run", NAME, project=made.directory).code == 0
        made.query.write_text("SELECT nothing FROM nowhere")
        assert inside("run", NAME, project=made.directory).code == 1
        yield made


def runs(made: Shop, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = inside("runs", "list", "--json", *options, project=made.directory).json["runs"]
    return found


# The list ---------------------------------------------------------------------------------------------------


def test_a_run_is_compared_with_the_median_of_those_before_it(made: Shop) -> None:
    failed, third, second, first = runs(made)
    assert first["trend"] is None
    assert second["trend"]["rows"] == {"now": 100, "median": 100, "percent": 0.0}
    assert third["trend"]["rows"] == {"now": 150, "median": 100, "percent": 50.0}
    assert (third["trend"]["runs"], failed["trend"]["runs"]) == (2, 3)


def test_the_list_in_a_pipe_is_plain_text_with_a_line_a_run(made: Shop) -> None:
    listed = inside("runs", project=made.directory).stdout
    heading, *lines = listed.splitlines()
    assert listed.isascii()
    assert heading.split()[-4:] == ["rows", "trend", "time", "trend"]
    assert len(lines) == 4
    assert "+50 %" in lines[1]


def test_the_list_can_be_narrowed_by_status_and_time(made: Shop) -> None:
    assert [one["status"] for one in runs(made, "--status", "failed")] == ["failed"]
    assert len(runs(made, "--status", "completed_with_rejects", "--status", "failed", "--since", "1h")) == 4
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert runs(made, "--since", later) == []
    assert runs(made, "--orchestration", NAME, "--since", later) == []


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--status", "fail", 'There is no status "fail". Did you mean'),
        ("--since", "yesterday", 'Invalid time "yesterday": write how long ago, such as 12h or 7d, or a date'),
        ("--orchestration", "purchase", 'There is no orchestration "purchase". Did you mean'),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(made: Shop, option: str, value: str, sentence: str) -> None:
    outcome = inside("runs", "list", option, value, project=made.directory)
    assert outcome.code == 2
    assert outcome.sentence.startswith(sentence)


NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("90m", datetime(2026, 3, 29, 10, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 29, tzinfo=UTC)),
        ("7d", datetime(2026, 3, 22, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 3, 15, 12, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T06:00+02:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_moment_is_how_long_ago_or_a_date(typed: str, meant: datetime) -> None:
    assert parse_time(typed, NOW) == meant


@pytest.mark.parametrize("typed", ["", "7", "d", "-7d", "7y", "2026-13-01", "99999d"])
def test_anything_else_is_no_moment(typed: str) -> None:
    with pytest.raises(UsageError, match="Invalid time"):
        parse_time(typed, NOW)


def test_bars_are_as_high_as_their_numbers() -> None:
    assert sparkline([0, 1, 4, 8]) == "▁▂▅█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"


# One run ----------------------------------------------------------------------------------------------------


def test_one_run_shows_its_course_examples_of_rejected_rows_and_its_requests(made: Shop) -> None:
    third = runs(made)[1]
    shown = inside("runs", "show", third["run_id"], "--json", project=made.directory).json
    summary = shown["request_summary"]
    assert Counter(one["verdict"] for one in shown["request_log"]) == Counter(summary["verdicts"])
    assert summary["sent"] == len(shown["request_log"]) > 1
    assert summary["slowest"][0]["seconds"] == max(one["seconds"] for one in shown["request_log"])
    assert {reason: [one["row"] for one in some] for reason, some in shown["reject_examples"].items()} == {
        "invalid_currency": [1, 11, 21],
        "refused_by_tiktok": [8],
    }
    assert shown["reject_examples"]["invalid_currency"][1]["columns"]["order_id"] == "o10"
    assert shown["reject_examples"]["refused_by_tiktok"][0]["message"] == "Invalid value."
    moments = [one["at"] for one in shown["timeline"]]
    assert moments == sorted(moments)


def test_the_sections_of_one_run_say_the_same_in_words(made: Shop) -> None:
    third = runs(made)[1]["run_id"]
    shown = inside("runs", "show", third, project=made.directory).stdout
    assert "request id  " not in shown
    assert inside("runs", "show", third, "--requests", project=made.directory).stdout.startswith(shown)
    for line in ("query asked", "currency=XX  order_id=o0", "match coverage of 134 delivered events", "335.00"):
        assert line in shown


def test_no_example_holds_a_digest_of_an_identifier(made: Shop) -> None:
    for run in runs(made):
        shown = inside("runs", "show", run["run_id"], "--json", project=made.directory).json
        columns = [one["columns"] for some in shown["reject_examples"].values() for one in some]
        assert all("email" not in one for one in columns)
        assert not any(len(str(value)) == 64 for one in columns for value in one.values())


# Tables -----------------------------------------------------------------------------------------------------


def exported(made: Shop, *where: str) -> dict[str, int]:
    rows: dict[str, int] = inside("runs", "export", *where, "--json", project=made.directory).json["rows"]
    return rows


def test_files_hold_what_the_ledger_knows(made: Shop, tmp_path: Path) -> None:
    rows = exported(made, "-o", str(tmp_path / "out"))
    tables = {name: pq.read_table(tmp_path / "out" / f"{name}.parquet") for name in TABLES}
    assert {name: table.num_rows for name, table in tables.items()} == rows
    assert {name: table.schema for name, table in tables.items()} == TABLES
    listed = {one["run_id"]: one for one in runs(made)}
    for run in tables["sync_runs"].to_pylist():
        record = listed[run["sync_run_id"]]
        assert run["num_succeeded_add"] == record["rows"]["delivered"]
        assert run["num_failed_add"] == record["rows"]["rejected"]
        assert run["started_at"] == datetime.fromisoformat(record["started_at"])
    reasons = Counter(tables["sync_changelog"]["failure_reason"].to_pylist())
    assert reasons == sum((Counter(one["rejects"]) for one in listed.values()), Counter())
    fields = [json.loads(one) for one in tables["sync_changelog"]["fields"].to_pylist()]
    assert not any({"email", "phone", "external_id"} & one.keys() for one in fields)
    value = sum(one["value"] for one in tables["sync_values"].to_pylist())
    assert value == sum(tables["sync_runs"]["num_events_delivered"].to_pylist()) * 5 / 2


def test_one_file_holds_the_runs(made: Shop, tmp_path: Path) -> None:
    assert exported(made, "-o", str(tmp_path / "runs.parquet")) == {"sync_runs": 4}
    assert pq.read_table(tmp_path / "runs.parquet").num_rows == 4
    assert [one.name for one in tmp_path.iterdir()] == ["runs.parquet"]


def contents(rows: list[Any]) -> list[str]:
    return sorted(map(repr, rows))


def in_duckdb(made: Shop, table: str) -> list[Any]:
    with duckdb.connect(str(made.warehouse), read_only=True) as warehouse:
        return warehouse.execute(f"SELECT * FROM sync.{table}").fetchall()


def test_a_warehouse_has_each_run_once_however_often_it_is_written(made: Shop) -> None:
    rows = exported(made, "--warehouse", "own", "--schema", "sync")
    first = {name: contents(in_duckdb(made, name)) for name in TABLES}
    assert {name: len(found) for name, found in first.items()} == rows
    assert exported(made, "--warehouse", "own", "--schema", "sync") == rows
    assert {name: contents(in_duckdb(made, name)) for name in TABLES} == first


def test_rejected_rows_stay_in_a_warehouse_once_their_folder_has_gone(made: Shop) -> None:
    exported(made, "--warehouse", "own", "--schema", "sync")
    before = contents(in_duckdb(made, "sync_changelog"))
    kept, gone = made.state / "runs", made.state / "gone"
    kept.rename(gone)
    try:
        exported(made, "--warehouse", "own", "--schema", "sync")
    finally:
        rmtree(kept, ignore_errors=True)
        gone.rename(kept)
    assert contents(in_duckdb(made, "sync_changelog")) == before != []


def with_warehouse(made: Shop, url: str) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    settings["warehouses"]["further"] = {"url": url}
    made.settings.write_text(yaml.safe_dump(settings))


def test_postgresql_takes_the_same_and_new_columns_are_added_to_old_tables(made: Shop, postgres: Postgres) -> None:
    url = postgres.new_database()
    with_warehouse(made, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA sync")
        connection.execute("CREATE TABLE sync.sync_runs (sync_run_id text, sync_id text, mine int DEFAULT 7)")
    rows = exported(made, "--warehouse", "further", "--schema", "sync")
    assert exported(made, "--warehouse", "further", "--schema", "sync") == rows
    with psycopg.connect(url) as connection:
        for name, count in rows.items():
            assert connection.execute(f"SELECT count(*) FROM sync.{name}".encode()).fetchone() == (count,)
        run = connection.execute(
            "SELECT sum(num_succeeded_add), max(mine), max(started_at) FROM sync.sync_runs"
        ).fetchone()
        value = connection.execute("SELECT sum(value) FROM sync.sync_values").fetchone()
    assert run is not None
    assert value is not None
    assert run[:2] == (sum(one["rows"]["delivered"] for one in runs(made)), 7)
    assert run[2] == datetime.fromisoformat(runs(made)[0]["started_at"])
    assert value[0] == run[0] * 5 / 2


def test_sqlite_takes_the_same_in_its_one_schema(made: Shop, tmp_path: Path) -> None:
    file = tmp_path / "dash.sqlite"
    with_warehouse(made, f"sqlite:///{file}")
    options = ("runs", "export", "--warehouse", "further", "--schema")
    assert inside(*options, "main", project=made.directory).sentence.endswith("to write to: create it first.")
    sqlite3.connect(file).close()
    rows = exported(made, "--warehouse", "further", "--schema", "main")
    with closing(sqlite3.connect(file)) as connection:
        for name, count in rows.items():
            assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (count,)
        assert {kind for (kind,) in connection.execute("SELECT DISTINCT typeof(value) FROM sync_values")} == {"text"}
    assert inside(*options, "sync", project=made.directory).sentence.startswith('SQLite has no schema "sync"')


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Specify where to export: -o DIR, or --warehouse NAME and --schema SCHEMA."),
        (("--warehouse", "own"), "Specify where to export: -o DIR, or --warehouse NAME and --schema SCHEMA."),
        (("-o", "orchestrations.yaml", "--schema", "s"), "Specify where to export:"),
        (("-o", "no-such-folder/runs.parquet"), 'The folder "no-such-folder" does not exist: create it first.'),
        (("--warehouse", "mine", "--schema", "s"), 'There is no warehouse "mine".'),
    ],
)
def test_an_export_to_nowhere_is_refused(made: Shop, options: tuple[str, ...], sentence: str) -> None:
    outcome = inside("runs", "export", *options, project=made.directory)
    assert outcome.code == 2
    assert sentence in outcome.sentence


@pytest.mark.parametrize("name", ["", "\t "])
def test_an_export_to_a_variable_that_is_not_set_is_refused(made: Shop, name: str) -> None:
    outcome = inside("runs", "export", "-o", name, "--force", project=made.directory)
    assert outcome.code == 2
    assert "must not be empty. Name a folder, such as dashboards." in outcome.stderr


def test_a_file_in_place_of_a_folder_is_left_alone(made: Shop) -> None:
    outcome = inside("runs", "export", "-o", str(made.query), project=made.directory)
    assert (outcome.code, outcome.sentence) == (
        2,
        f'"{made.query}" is a file: name a folder, or a file that ends with .parquet.',
    )


def test_a_run_of_an_earlier_version_has_neither_course_nor_figures(tmp_path: Path) -> None:
    """Such a run has no moments, and no figures with its batches."""
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=10))
        record = inside("run", NAME, "--json", project=made.directory).record()
    with open_ledger(f"sqlite:///{made.state / 'ledger.sqlite'}") as ledger, ledger.database.writing() as connection:
        connection.execute(text("DELETE FROM moments"))
        connection.execute(text("UPDATE batches SET figures = NULL"))
    shown = inside("runs", "show", record["run_id"], "--json", project=made.directory).json
    assert [one["what"] for one in shown["timeline"]] == ["first_request", "last_answer"]
    assert shown["match_coverage"] is None
    assert inside("runs", "show", record["run_id"], project=made.directory).code == 0
    assert inside("report", record["run_id"], project=made.directory).code == 0


def test_a_run_is_named_by_its_beginning_or_as_the_latest(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3) + " UNION ALL SELECT 'x', now(), 'nobody', 1")
        assert "There is no run yet." in inside("runs", "show", "latest", project=made.directory).stderr
        first, last = [inside("run", NAME, "--json", project=made.directory).record()["run_id"] for _ in range(2)]
        common = next(first[:n] for n in range(len(first), 0, -1) if last.startswith(first[:n]))
        for text, run_id in ((first, first), (first[: len(common) + 1], first), (last[:-1], last), ("latest", last)):
            shown = inside("runs", "show", text, "--json", "--requests", project=made.directory).json
            assert shown["run_id"] == run_id
            rejected = inside("rejects", text, project=made.directory).stdout
            assert "invalid_identity" in rejected
            assert run_id in inside("report", text, project=made.directory).stdout
        several = inside("rejects", common, project=made.directory)
        assert several.code == 2
        assert first in several.sentence and last in several.sentence
        for text in ("", "%", "_", f"{first}0", "late"):
            assert inside("rejects", text, project=made.directory).code == 2, text
        retried = inside("retry", "latest", "--json", project=made.directory).json
        shown = inside("runs", "show", retried["run_id"], "--json", project=made.directory).json
        assert (shown["retry_of"], retried["rows"]["rejected"]) == (last, 1)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("offline", {"email", "phone"}),
        ("web", {"email", "phone", "external_id", "tiktok_click_id", "cookie_id", "ip"}),
    ],
)
def test_matches_are_counted_for_what_the_event_source_takes(tmp_path: Path, source: str, names: set[str]) -> None:
    query = GOOD.format(rows=2).replace("SELECT ", "SELECT 'https://shop.example/' AS page_url, ", 1)
    settings = {"event_source": source, "event_source_id": "C4EXAMPLE0PIXEL0CODE"} if source == "web" else None
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, query, destination=settings)
        run_id = inside("run", NAME, "--json", project=made.directory).record()["run_id"]
    details = load_run_details(load_project(made.directory, {}), run_id)
    assert details.matched.keys() == names
    assert details.matched["email"] == 2
