"""Runs whose rows do not allow anything to be sent fail, and say why; an empty result is told."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving
from tests.files.shop import CONVERSIONS, conversions, file_shop, put

NOBODY = "SELECT 'n' || n AS event_id, now() AS timestamp, NULL AS email FROM range({rows}) AS t (n)"
UNDATED = (
    "SELECT 'u' || n AS event_id, NULL::TIMESTAMP AS timestamp, 'jo@example.com' AS email FROM range({rows}) AS t (n)"
)
ALL_BAD = f"{NOBODY.format(rows=3)} UNION ALL {UNDATED.format(rows=1)}"
EMPTY = f"WITH good AS ({GOOD.format(rows=1)}) SELECT * FROM good WHERE false"
REASONS = "All 4 rows were rejected (3 missing_identity, 1 missing_timestamp): nothing was delivered."
NO_ROWS = "No rows were read: the query returned no rows."


@pytest.fixture
def tiktok() -> Any:
    with serving() as server:
        yield server


def typed(made: Shop, *args: str) -> Outcome:
    return inside(*args, project=made.directory)


def run(made: Shop, *args: str) -> Outcome:
    return typed(made, "run", NAME, "--json", *args)


@pytest.mark.parametrize("line_items", [True, False])
def test_a_run_of_which_every_row_is_rejected_fails(tmp_path: Path, tiktok: TikTok, line_items: bool) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD, line_items=line_items)
    done = inside("run", NAME, "--json", project=made.directory)
    record = done.record()
    assert (done.code, record["status"], record["error"], done.sentence) == (3, "failed", REASONS, REASONS)
    assert record["rows"] == {"read": 4, "delivered": 0, "rejected": 4, "skipped": 0, "pending": 0}
    assert record["rejects"] == {"missing_identity": 3, "missing_timestamp": 1}
    shown = typed(made, "runs", "show", record["run_id"])
    assert REASONS in shown.stdout
    assert shown.stdout.startswith(f"{NAME}: Failed in ")
    assert len(typed(made, "rejects", record["run_id"]).stdout.splitlines()) == 5
    assert tiktok.requests == []


@pytest.mark.parametrize("settings", [{}, {"max_reject_percent": 50}, {"min_rows": 5}])
def test_a_run_that_sends_nothing_because_of_its_rows_shows_its_counts(
    tmp_path: Path, tiktok: TikTok, settings: dict[str, Any]
) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD, **settings)
    done = typed(made, "run", NAME)
    (run_id,) = (record["run_id"] for record in typed(made, "runs", "--json").json["runs"])
    assert done.code == 3
    assert done.stdout.startswith(f"{NAME}: Failed in ")
    assert "    missing_identity   3" in done.stdout
    assert f"Which rows, and why: connector rejects {run_id}" in done.stdout
    assert done.stderr.count("nothing was") == 1
    assert "nothing was" not in done.stdout


def test_the_next_run_begins_anew(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD)
    failed = run(made).json
    assert typed(made, "resume").code == 2
    assert typed(made, "resume", failed["run_id"]).code == 2
    again = run(made)
    assert (again.code, again.json["resumed"]) == (3, [])
    made.query.write_text(GOOD.format(rows=2))
    done = run(made)
    assert (done.code, done.record()["status"], done.json["resumed"]) == (0, "completed", [])
    assert len(tiktok.events) == 2


def test_all_rejected_rows_are_retried_once_the_cause_is_fixed(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD)
    failed = run(made).json
    still = typed(made, "retry", failed["run_id"], "--json")
    assert (still.code, still.record()["status"], still.json["error"]) == (3, "failed", REASONS)
    made.query.write_text(ALL_BAD.replace("NULL AS email", "'jo@example.com' AS email"))
    done = typed(made, "retry", still.json["run_id"], "--json")
    assert (done.code, done.record()["rows"]["delivered"]) == (0, 3)


def test_rows_that_were_delivered_before_beside_rejected_ones_are_no_failure(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, f"FROM events UNION ALL {NOBODY.format(rows=2)}", tables={
        "events": "SELECT 'e' AS event_id, now()::TIMESTAMPTZ AS timestamp, 'jo@example.com' AS email"})  # fmt: skip
    assert run(made).code == 0
    done = run(made)
    assert (done.code, done.record()["status"]) == (0, "completed_with_rejects")
    assert done.json["rows"] == {"read": 3, "delivered": 0, "rejected": 2, "skipped": 1, "pending": 0}


def test_a_run_of_which_tiktok_refuses_every_row_fails(tmp_path: Path, tiktok: TikTok) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply(40002, "Invalid value for data[0].user.email.", 400)

    tiktok.answer = answer
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=1))
    done = run(made)
    record = done.record()
    assert (done.code, record["status"]) == (3, "failed")
    assert record["error"] == "The only row was rejected (1 refused_by_tiktok): nothing was delivered."
    tiktok.answer = lambda body: Reply()
    assert typed(made, "retry", record["run_id"], "--json").record()["rows"]["delivered"] == 1


@pytest.mark.parametrize("line_items", [False, True])
def test_fewer_rows_than_min_rows_send_nothing(tmp_path: Path, tiktok: TikTok, line_items: bool) -> None:
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3000), min_rows=3001, line_items=line_items)
    done = run(made)
    record = done.record()
    sentence = "Only 3,000 rows were read, fewer than min_rows asks for (3,001): nothing was sent."
    assert (done.code, record["status"], record["error"]) == (3, "failed", sentence)
    assert (record["rows"]["read"], record["rows"]["pending"], tiktok.requests) == (3000, 3000, [])
    planned, forecast = typed(made, "plan", NAME), sentence.replace("nothing was sent", "nothing would be sent")
    assert (planned.code, forecast in planned.stderr) == (0, True)
    assert typed(made, "plan", NAME, "--json").json["would_fail"] == forecast
    assert typed(made, "resume", record["run_id"]).code == 2
    made.query.write_text(GOOD.format(rows=3001))
    assert typed(made, "plan", NAME, "--json").json["would_fail"] is None
    assert run(made).code == 0
    assert len(tiktok.events) == 3001


@pytest.mark.parametrize(
    ("line_items", "percent", "sent"), [(False, 13, 0), (True, 13, 0), (False, 14, 20), (True, 14, 20)]
)
def test_more_rejected_rows_than_max_reject_percent_send_nothing(
    tmp_path: Path, tiktok: TikTok, line_items: bool, percent: int, sent: int
) -> None:
    query = f"{GOOD.format(rows=20)} UNION ALL {NOBODY.format(rows=3).replace('AS email', 'AS email, 2.5 AS value')}"
    made = shop(tmp_path / "shop", tiktok.url, query, max_reject_percent=percent, line_items=line_items)
    done = run(made)
    record = done.record()
    status = "completed_with_rejects" if sent else "failed"
    assert (done.code, record["status"]) == (0 if sent else 3, status)
    assert record["rows"] == {"read": 23, "delivered": sent, "rejected": 3, "skipped": 0, "pending": 20 - sent}
    assert len(tiktok.events) == sent


@pytest.mark.parametrize(
    ("query", "settings", "sentence"),
    [
        (GOOD.format(rows=2), {"min_rows": 3}, "Only 2 rows were read"),
        (EMPTY, {"min_rows": 1}, "Only 0 rows were read"),
        (ALL_BAD, {}, "All 4 rows were rejected"),
        (NOBODY.format(rows=1), {"max_reject_percent": 1}, "The only row was rejected"),
        (GOOD.format(rows=3), {"min_rows": 3}, None),
        (EMPTY, {}, None),
    ],
)
def test_preview_says_that_a_run_would_fail(
    tmp_path: Path, query: str, settings: dict[str, Any], sentence: str | None
) -> None:
    made = shop(tmp_path / "shop", "simulator", query, **settings)
    shown, as_json = typed(made, "preview", NAME), typed(made, "preview", NAME, "--json").json
    assert shown.code == 0
    assert ("A run would fail with exit code 3" in shown.stderr) is (sentence is not None)
    assert (as_json["would_fail"] or "").startswith(sentence or "")
    assert (as_json["would_fail"] or "nothing would be sent.").endswith("nothing would be sent.")
    assert (as_json["would_fail"] is None) is (sentence is None)


@pytest.mark.parametrize(("limit", "code"), [("1", 0), ("2", 0), ("3", 3), ("4", 3)])
def test_a_limit_below_min_rows_cannot_tell(tmp_path: Path, limit: str, code: int) -> None:
    made = shop(tmp_path / "shop", "simulator", GOOD.format(rows=2), min_rows=3)
    done = typed(made, "run", NAME, "--limit", limit)
    assert done.code == code
    assert ("min_rows (3) is not applied" in done.stderr) is (code == 0)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "true"])
def test_min_rows_is_a_whole_number_of_at_least_one(tmp_path: Path, value: str) -> None:
    made = shop(tmp_path / "shop", "simulator", GOOD.format(rows=2), min_rows=yaml.safe_load(value))
    refused = typed(made, "validate")
    assert refused.code == 2
    assert "min_rows is" in refused.sentence
    assert "must be a whole number of at least 1" in refused.sentence


def test_a_run_that_was_killed_before_it_could_fail_does_not_send(tmp_path: Path, tiktok: TikTok) -> None:
    """Staged and never judged: whoever goes on with it judges it first."""
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5))
    tiktok.answer = lambda body: Reply(40105, "Access token is incorrect or has been revoked.", 401)
    stopped = run(made).json
    ledger_says_nothing_was_sent(made, stopped["run_id"])
    made.settings.write_text(made.settings.read_text().replace(f"query: {NAME}", f"query: {NAME}\n    min_rows: 6"))
    tiktok.requests.clear()
    resumed = typed(made, "resume", stopped["run_id"], "--json")
    assert (resumed.code, resumed.json["status"], tiktok.requests) == (3, "failed", [])
    assert "min_rows" in resumed.json["error"]


def test_a_run_without_rows_that_was_killed_before_it_could_fail_fails_once_it_is_resumed(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", EMPTY)
    run_id = run(made).json["run_id"]
    ledger_says_it_was_interrupted(made, run_id)
    made.settings.write_text(made.settings.read_text().replace(f"query: {NAME}", f"query: {NAME}\n    min_rows: 1"))
    resumed = typed(made, "resume", run_id, "--json")
    assert (resumed.code, resumed.json["status"]) == (3, "failed")
    assert "Only 0 rows were read" in resumed.json["error"]


def test_a_run_of_which_every_file_was_sent_before_is_resumed_whatever_min_rows_says(tmp_path: Path) -> None:
    made = file_shop(tmp_path / "shop", "simulator", "f.psv", format=CONVERSIONS, min_rows=2)
    put(made, "f.psv", conversions(2))
    assert run(made).code == 0
    again = run(made).json
    assert (again["status"], again["rows"]["read"]) == ("completed", 0)
    ledger_says_it_was_interrupted(made, again["run_id"])
    resumed = typed(made, "resume", again["run_id"], "--json")
    assert (resumed.code, resumed.json["status"]) == (0, "completed")


def ledger_says_it_was_interrupted(made: Shop, run_id: str) -> None:
    """Take the end of a run out of the ledger, as if the process had been killed before it."""
    with closing(sqlite3.connect(made.state / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE runs SET status = 'interrupted', finished_at = NULL WHERE run_id = ?", [run_id])


def ledger_says_nothing_was_sent(made: Shop, run_id: str) -> None:
    """Take the requests of a run out of the ledger, as if the process had been killed before the first."""
    with closing(sqlite3.connect(made.state / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE runs SET requests_sent = 0 WHERE run_id = ?", [run_id])


def test_an_empty_result_is_told_everywhere(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, EMPTY)
    done = inside("run", NAME, project=made.directory)
    assert (done.code, NO_ROWS in done.stdout, "\x1b" in done.stdout) == (0, True, False)
    run_id = typed(made, "runs", "list", "--json").json["runs"][0]["run_id"]
    assert NO_ROWS in typed(made, "runs", "show", run_id).stdout
    page = typed(made, "report", run_id).stdout
    assert f'<div class="note odd" role="note"><p>{NO_ROWS}' in page
    assert '<span class="badge completed empty">' in page
    made.query.write_text(GOOD.format(rows=1))
    full = inside("run", NAME, project=made.directory)
    assert NO_ROWS not in full.stdout


def test_a_retry_whose_rows_have_gone_says_so(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD)
    failed = run(made).json["run_id"]
    made.query.write_text(EMPTY)
    assert f"the result has none of those that run {failed} left out." in typed(made, "retry", failed).stdout


@pytest.mark.parametrize(
    ("query", "count"), [(ALL_BAD, "all 4 rows"), (NOBODY.format(rows=40_000), "the first 16,384 rows")]
)
def test_a_preview_writes_rejected_rows_as_json_to_stderr(tmp_path: Path, query: str, count: str) -> None:
    done = typed(shop(tmp_path / "shop", "simulator", query), "preview", NAME)
    assert done.stdout == ""
    line = next(line for line in done.stderr.splitlines() if "missing_identity" in line and line.startswith("row "))
    assert json.loads(line.split("  ", 1)[1])["event_id"].startswith("n")
    assert f"Of {count} of the result" in done.stderr


def test_statuses_are_shown_in_words_and_printed_as_such_in_json(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=1))
    assert run(made).json["status"] == "completed"
    listed = typed(made, "runs", "list").stdout.splitlines()[1]
    assert "  Completed  " in listed
    assert typed(made, "runs", "list", "--json").json["runs"][0]["status"] == "completed"


def test_the_rows_of_a_warning_are_not_among_the_rejected(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, ALL_BAD)
    failed = run(made).json["run_id"]
    done = typed(made, "rejects", failed, "--reason", "invalid_phone")
    assert (done.code, done.stdout) == (2, "")
    assert done.sentence.startswith('"invalid_phone" is a warning: rows with it were sent')
