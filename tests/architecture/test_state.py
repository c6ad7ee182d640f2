"""The files of a run are those of the architecture's page."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from connector.config.project import load_project
from connector.destinations.tiktok import login as authorisation
from connector.destinations.tiktok.credential_status import access_of
from connector.errors import NothingSent, ResumableError
from connector.example.example_project import write_example
from connector.runs.run import run_orchestration
from tests.docs.markdown import ARCHITECTURE, first_column

REFUSED, REVOKED = 40002, 40105
FAR_APART = """
    SELECT
        'receipt ' || (CASE WHEN i = 66000 THEN 5000 ELSE i // 10 END) AS event_id
        , CASE WHEN i <> 5000 THEN now() END AS timestamp
        , 'one@example.com' AS email
    FROM range(66001) AS numbers (i)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose store purchases are more rows than the connector looks at together."""
    write_example(tmp_path)
    (tmp_path / "queries" / "store_purchases.sql").write_text(FAR_APART)
    return tmp_path


def run(project: Path, tiktok: HTTPServer, code: int, rows: int) -> None:
    """Runs over the first `rows` rows, and TikTok answers with this code."""
    tiktok.clear()
    answer = {"code": code, "message": "No." if code else "OK"}
    tiktok.expect_request("/open_api/v1.3/event/track/").respond_with_json(answer)
    (project / "queries" / "store_purchases.sql").write_text(FAR_APART.replace("66001", str(rows)))
    with suppress(ResumableError, NothingSent):
        run_orchestration(load_project(project, {"TIKTOK_ACCESS_TOKEN": "token"}, "here"), "store_purchases")


def refresh(project: Path, tiktok: HTTPServer) -> None:
    """Refreshes the grant of a credential."""
    granted = {"access_token": "a", "refresh_token": "r"}
    path = "/open_api/v1.3/oauth2/refresh_token/"
    tiktok.expect_request(path).respond_with_json({"code": 0, "message": "OK", "data": granted})
    authorisation.refresh(access_of(load_project(project, {}, "here"), "own"))


def test_runs_leave_the_files_that_the_page_lists(project: Path, httpserver: HTTPServer) -> None:
    with (project / "orchestrations.yaml").open("a") as file:
        url = httpserver.url_for("")
        own = "own: {app_id: '1', app_secret: s, refresh_token: r}"
        file.write(
            f"\n  here:\n    destinations: {{store_events: {{api_url: '{url}'}}, "
            f"other: {{type: tiktok_events, credential: own, advertiser_id: '1', event_source: offline, "
            f"event_source_id: '1', api_url: '{url}'}}}}\n    credentials: {{{own}}}\n"
        )
    settings = (project / "orchestrations.yaml").read_text()
    (project / "orchestrations.yaml").write_text(
        f"{settings}    orchestrations: {{store_purchases: {{line_items: false, max_reject_percent: null}}}}\n"
    )
    run(project, httpserver, REVOKED, 18_000)
    found = _files(project / ".connector")
    (project / "orchestrations.yaml").write_text(settings)
    run(project, httpserver, REFUSED, 2)
    run(project, httpserver, 0, 18_000)
    run(project, httpserver, REVOKED, 66_001)
    refresh(project, httpserver)
    run_orchestration(load_project(project, {}, "local"), "web_purchases")
    found |= _files(project / ".connector")
    named = {"here": "TARGET", "local": "TARGET", "own": "CREDENTIAL"}
    named |= dict.fromkeys(("store_purchases", "web_purchases"), "ORCHESTRATION")
    assert {_placeholders(path, named) for path in found} == set(first_column(ARCHITECTURE, "file"))


def _placeholders(path: str, named: dict[str, str]) -> str:
    for name, placeholder in named.items():
        path = path.replace(name, placeholder)
    path = re.sub(r"^(tokens/\w+)\.[0-9a-f]+\.", r"\1.DIGEST.", path)
    return re.sub(r"-\d{6}\.arrow$", "-000000.arrow", re.sub(r"^runs/[^/]+", "runs/RUN_ID", path))


def _files(state: Path) -> set[str]:
    return {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}
