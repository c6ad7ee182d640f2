"""From `connector init` to the rejected rows: each shipped orchestration, as a newcomer runs it."""

import csv
import io
import json
import re
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.cli.command import Outcome, connector, inside
from tests.cli.conftest import SHIPPED
from tests.cli.tiktok import TikTok


@pytest.mark.parametrize("name", SHIPPED)
def test_what_the_simulator_counted_is_what_was_delivered(
    name: str, simulated: dict[str, Outcome], history: dict[str, dict[str, Any]]
) -> None:
    outcome, record = simulated[name], history[name]
    assert outcome.code == 0
    assert record["status"] == "completed_with_rejects"
    counted = re.search(r"it counted ([\d,]+) events and discarded 0 duplicates", outcome.stderr)
    assert counted
    assert int(counted[1].replace(",", "")) == record["events"]["delivered"] == record["events"]["built"] > 0
    assert "VIOLATION" not in outcome.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_the_summary_is_on_stdout_and_the_progress_on_stderr(
    name: str, simulated: dict[str, Outcome], history: dict[str, dict[str, Any]]
) -> None:
    outcome, record = simulated[name], history[name]
    assert outcome.stdout.startswith(f"{name}: Completed with rejects in ")
    assert f"(run {record['run_id']}, target local)" in outcome.stdout
    assert outcome.stderr.startswith(f"{name}: run {record['run_id']}, target local\n")
    shown = dict(re.findall(r"^ *([a-z_ ]+?) +([\d,]+)", outcome.stdout, re.MULTILINE))
    numbers = {word: int(number.replace(",", "")) for word, number in shown.items()}
    assert numbers["rows read"] == record["rows"]["read"]
    for word in ("delivered", "rejected", "skipped", "pending"):
        assert numbers[word] == record["rows"][word]
    for word, count in {**record["rejects"], **record["skips"], **record["warnings"]}.items():
        assert numbers[word] == count


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "store_purchases" else [pytest.mark.thorough]) for name in SHIPPED],
)
def test_run_does_what_plan_counted_and_prints_one_object(name: str, project: Path, tiktok: TikTok) -> None:
    before = len(tiktok.requests)
    plan = inside("plan", name, "--target", "here", "--json", project=project)
    assert len(tiktok.requests) == before
    run = inside("run", name, "--target", "here", "--json", project=project)
    record, planned, got = run.record(), plan.json, tiktok.requests[before:]
    assert (plan.code, run.code, run.stderr) == (0, 0, "")
    assert record["orchestration"] == planned["orchestration"] == name
    assert record["target"] == planned["target"] == "here"
    assert record["workflow"] == "manual"
    # A receipt can be booked between the two commands: the warehouse goes with the clock.
    assert 0 <= record["rows"]["read"] - planned["rows"]["read"] <= 20
    if record["rows"]["read"] == planned["rows"]["read"]:
        assert planned["rows"]["to_send"] == record["rows"]["delivered"]
        assert planned["events"] == record["events"]["delivered"]
        assert planned["requests"] == record["requests"]["sent"]
        assert [planned[key] for key in ("rejects", "skips", "warnings")] == [
            record[key] for key in ("rejects", "skips", "warnings")
        ]
    assert sum(len(request.events) for request in got) == record["events"]["delivered"]
    assert len(got) == record["requests"]["sent"]


def test_preview_shows_hashed_payloads_and_sends_nothing(project: Path, tiktok: TikTok) -> None:
    before = len(tiktok.requests)
    shown = inside("preview", "store_purchases", "--rows", "3", "--target", "here", "--json", project=project)
    preview = shown.json
    assert (shown.code, shown.stderr) == (0, "")
    assert len(tiktok.requests) == before
    (body,) = preview["requests"]
    assert (body["event_source"], len(body["data"]), len(preview["left_out"])) == ("offline", 3, 3)
    assert all(re.fullmatch("[0-9a-f]{64}", event["user"].get("email", "0" * 64)) for event in body["data"])
    assert {row["outcome"] for row in preview["left_out"]} == {"rejected"}


def test_the_project_folder_is_an_option_or_a_variable_or_here(project: Path, tmp_path: Path) -> None:
    by_option = inside("validate", "--project", str(project), project=tmp_path)
    by_variable = inside("validate", project=project)
    from_here = connector("validate", cwd=project)
    assert by_option.code == by_variable.code == from_here.code == 0
    assert by_option.stdout == by_variable.stdout == from_here.stdout
    assert [line.split(":")[0] for line in by_option.stdout.splitlines()] == [*SHIPPED, "vip_customers"]


def test_validate_with_connect_asks_the_warehouse_for_the_columns(project: Path) -> None:
    checked_ = inside("validate", "web_purchases", "--connect", "--json", project=project)
    (one,) = checked_.json["orchestrations"]
    columns = {parameter["parameter"]: parameter["columns"] for parameter in one["parameters"]}
    assert checked_.code == 0
    assert columns["email"] == "checkout_email, account_email"
    assert columns["cookie_id"] == "_ttp"
    assert "price" not in columns


def test_compile_prints_the_query_that_will_run(project: Path) -> None:
    compiled = inside("compile", "store_purchases", "--json", project=project)
    assert (compiled.code, compiled.stderr) == (0, "")
    assert "current_date - 7" in compiled.json["query"]
    assert "{{" not in compiled.json["query"]
    assert compiled.json["transform"].lstrip().startswith("WITH")


def test_runs_show_tells_every_request_with_its_id(project: Path, history: dict[str, dict[str, Any]]) -> None:
    record = history["store_purchases"]
    shown = inside("runs", "show", record["run_id"], "--json", project=project).json
    requests = shown["request_log"]
    assert (shown["retry_of"], shown["query_id"]) == (None, None)
    assert {key: shown[key] for key in record} == record
    (user,) = shown["by"]
    assert user.endswith(f"@{socket.gethostname()}")
    assert len(requests) == record["requests"]["sent"]
    assert sum(request["events"] for request in requests) == record["events"]["delivered"]
    assert all(request["request_id"] for request in requests)


def test_runs_lists_the_latest_first(project: Path, history: dict[str, dict[str, Any]]) -> None:
    listed = inside("runs", project=project)
    ids = [line.split()[0] for line in listed.stdout.splitlines()[1:]]
    seconds = [one.split("-")[0] for one in ids]
    assert (listed.code, listed.stderr) == (0, "")
    assert seconds == sorted(seconds, reverse=True)
    assert {record["run_id"] for record in history.values()} <= set(ids)


def test_rejects_come_as_csv_with_one_row_for_each_rejected_row(
    project: Path, history: dict[str, dict[str, Any]]
) -> None:
    record = history["store_purchases"]
    printed = inside("rejects", record["run_id"], project=project)
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert (printed.code, printed.stderr) == (0, "")
    assert Counter(row["reason"] for row in rows) == record["rejects"]
    assert [int(row["row"]) for row in rows] == sorted({int(row["row"]) for row in rows})


def test_rejects_of_one_reason_come_as_json_in_a_file(
    project: Path, history: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    record, file, reason = history["web_purchases"], tmp_path / "rejects.json", "missing_page_url"
    options = ("--reason", reason, "--format", "json", "-o", str(file))
    written = inside("rejects", record["run_id"], *options, project=project)
    rows = json.loads(file.read_text())
    told = f"{len(rows)} rows of run {record['run_id']}, target local, to {file}\n"
    assert (written.code, written.stdout, written.stderr) == (0, "", told)
    assert [row["reason"] for row in rows] == [reason] * record["rejects"][reason]
    assert all(row["columns"]["event_id"].startswith("W") for row in rows)


def test_rejects_come_as_parquet(project: Path, history: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    record, file = history["store_purchases"], tmp_path / "rejects.parquet"
    inside("rejects", record["run_id"], "--format", "parquet", "-o", str(file), project=project)
    rows = pq.read_table(file).to_pylist()
    assert Counter(row["reason"] for row in rows) == record["rejects"]


def test_skipped_rows_are_asked_for_by_their_reason(project: Path, history: dict[str, dict[str, Any]]) -> None:
    record = history["web_purchases"]
    printed = inside("rejects", record["run_id"], "--reason", "duplicate", "--format", "json", project=project)
    rows = json.loads(printed.stdout)
    assert len(rows) == record["skips"]["duplicate"]
    assert {row["outcome"] for row in rows} == {"skipped"}


def test_init_overwrites_nothing(project: Path) -> None:
    before = (project / "orchestrations.yaml").read_bytes()
    again = inside("init", str(project), project=project)
    assert (again.code, again.stdout) == (2, "")
    assert "already has" in again.sentence
    assert (project / "orchestrations.yaml").read_bytes() == before


def test_init_leaves_a_folder_with_one_file_of_its_own_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    own = tmp_path / "queries" / "store_purchases.sql"
    own.write_text("SELECT 1")
    refused = inside("init", str(tmp_path), project=tmp_path)
    assert refused.code == 2
    assert "queries/store_purchases.sql" in refused.sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
