"""A run's process stores the report of the run when it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.config.project import load_project
from connector.ledger.project_ledger import ledger_of
from connector.ledger.views.run_page import RunPage, read_run
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

ROWS = "SELECT 'e' || n AS event_id, now() AS timestamp, CASE n WHEN 0 THEN NULL ELSE n || '@example.com' END AS email, 2.5 AS value FROM range(5) AS t (n)"


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, ROWS, max_reject_percent=50)


def page(made: Shop, run_id: str) -> RunPage:
    with ledger_of(load_project(made.directory, {})) as ledger, ledger.database.reading() as connection:
        found = read_run(connection, run_id)
    assert found is not None
    return found


def test_a_report_is_what_runs_show_prints_without_rows(made: Shop) -> None:
    run_id = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    shown: dict[str, Any] = inside("runs", "show", run_id, "--json", project=made.directory).json
    assert shown["reject_examples"]["missing_identity"] != []
    stored = page(made, run_id)
    assert stored.report is not None and stored.routes == ()
    report = dict(stored.report)
    assert [step["events"] for step in report.pop("steps")] == [4]
    assert report.pop("no_rows") is None
    for name in ("reject_examples", "request_log"):
        del shown[name]
    assert report == shown
    assert stored.run.totals.value == {"USD": "10"} == {one["currency"]: one["value"] for one in report["value"]}
    assert stored.run.totals.newest_event is not None


def test_a_failed_run_has_a_report_until_it_is_resumed(made: Shop, tiktok: TikTok) -> None:
    tiktok.answer = lambda body: Reply(40105, "revoked", 401)
    run_id = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    failed = page(made, run_id)
    assert failed.report is not None and failed.report["status"] == "failed"
    with ledger_of(load_project(made.directory, {})) as ledger:
        ledger.runs.resume(run_id, holder="new", host="here")
        ledger.runs.store_report(run_id, {"late": True})
    resumed = page(made, run_id)
    assert resumed.report is None and [route.events for route in resumed.routes] == [4]
    tiktok.answer = lambda body: OK
    assert inside("resume", run_id, project=made.directory).code == 0
    ended = page(made, run_id)
    assert ended.report is not None and ended.report["status"] == "completed_with_rejects"
