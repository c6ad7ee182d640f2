"""A browser, and the reports of runs of every kind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, serving

CHROMIUM = "/usr/bin/chromium"
LONG = "a_name_that_goes_on_and_on_without_a_place_where_it_could_be_broken_" * 3
QUERY = """
    SELECT *, 'https://shop.example/' AS page_url, CASE n % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'GBP' ELSE 'USD' END AS currency
        , 98765432.25 AS price, 3 AS quantity
        , CASE WHEN n % 50 = 0 THEN '{long}' WHEN n % 51 = 0 THEN NULL ELSE 'Purchase' END AS event
    FROM ({good})
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as Debian packs it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By what became of the run: nothing rejected, with rejects, stopped half way, resumed, failed before it began."""
    folder = tmp_path_factory.mktemp("reports")
    left = {"requests": 3}

    def answer(body: dict[str, Any]) -> Reply:
        left["requests"] -= 1
        if any(event["event_id"] in {"e1111", "e2222"} for event in body["data"]):
            return Reply(40002, f"Invalid value: {LONG}", 400)
        return OK if left["requests"] >= 0 else Reply(40105, "Access token is incorrect or has been revoked.", 401)

    with serving(answer) as tiktok:
        good = GOOD.replace("SELECT", "SELECT n,", 1)
        bad = QUERY.format(long=LONG, good=good.format(rows=6_000))
        web = {"event_source": "web", "event_source_id": "C4EXAMPLE0PIXEL0CODE", "max_in_flight": 1}
        made = shop(folder / "shop", tiktok.url, bad, destination=web)
        found = {"stopped": _reported(made, folder, "stopped", "run", NAME)}
        left["requests"] = 10_000
        found["resumed"] = _reported(made, folder, "resumed", "resume")
        made.query.write_text(bad.replace("'e' || n", "'again' || n"))
        found["rejects"] = _reported(made, folder, "rejects", "run", NAME)
        made.query.write_text(f"SELECT *, 'https://shop.example/' AS page_url FROM ({good.format(rows=1)})")
        found["completed"] = _reported(made, folder, "completed", "run", NAME)
        made.query.write_text("SELECT nothing FROM nowhere")
        found["failed"] = _reported(made, folder, "failed", "run", NAME)
    return found


def _reported(made: Shop, folder: Path, name: str, *command: str) -> Path:
    inside(*command, project=made.directory)
    (record,) = inside("runs", "list", "--limit", "1", "--json", project=made.directory).json["runs"]
    file = folder / f"{name}.html"
    assert inside("report", record["run_id"], "-o", str(file), project=made.directory).code == 0
    return file
