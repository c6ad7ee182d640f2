"""The files of a run are those of the architecture's page."""

import re
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from connector.config.project import load_project
from connector.example.files import write_example
from connector.pipeline.run import run_orchestration
from tests.docs.markdown import ARCHITECTURE, first_column

FAR_APART = """
    SELECT
        'receipt ' || (CASE WHEN i = 66000 THEN 0 ELSE i // 100 END) AS event_id
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


def run(project: Path, target: str = "local") -> None:
    run_orchestration(load_project(project, {"TIKTOK_ACCESS_TOKEN": "token"}, target), "store_purchases")


def test_a_run_leaves_the_files_that_the_page_lists(project: Path, httpserver: HTTPServer) -> None:
    run(project)
    refuse_everything(project, httpserver)
    run(project, "refusing")
    state = project / ".connector"
    found = {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}
    assert {re.sub(r"^runs/[^/]+", "runs/RUN_ID", path) for path in found} == set(first_column(ARCHITECTURE, "file"))


def refuse_everything(project: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/open_api/v1.3/event/track/").respond_with_json({"code": 40002, "message": "No."})
    (project / "queries" / "store_purchases.sql").write_text(FAR_APART.replace("range(66001)", "range(2)"))
    with (project / "orchestrations.yaml").open("a") as file:
        file.write(f"\n  refusing: {{destinations: {{store_events: {{api_url: '{httpserver.url_for('')}'}}}}}}\n")
