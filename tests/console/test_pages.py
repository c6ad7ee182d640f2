"""The pages, by what they show, and what they cost the ledger."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from connector.console.application import PAGES
from connector.console.endpoint import START
from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.console.conftest import SIMULATED, Visitor, serving, sign_in
from tests.dbt.project import beside_recorded

ASKING = ("/stop", "/resume", "/retry")
"""The ends of pages that ask before something that is not always possible."""
GETS = [
    path
    for path, _, method, _ in PAGES
    if method == "GET" and path != START and "{id}" not in path and not path.endswith(ASKING)
]
MOST_STATEMENTS = 5


@pytest.fixture(scope="module")
def run_id(project: Shop) -> str:
    (run,) = inside("runs", "--json", project=project.directory).json["runs"]
    return str(run["run_id"])


def filled(path: str, run_id: str) -> str:
    names = {
        "{run_id}": run_id,
        "{step}": "query",
        "{kind}": "csv",
        "{name}": "stores" if "destinations" in path else NAME,
    }
    for name, value in names.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("path", GETS)
def test_a_page_takes_few_statements(anna: Visitor, run_id: str, path: str) -> None:
    url = filled(path, run_id)
    assert anna.get(url).status_code == 200
    statements: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN") and threading.current_thread().name != "launches":
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        assert anna.get(url).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    writes = [one for one in statements if one.startswith("INSERT")]
    if "rejects." not in path:
        assert (len(statements), writes) <= (MOST_STATEMENTS, []), statements


def test_the_overview_shows_what_the_last_run_delivered(anna: Visitor) -> None:
    page = anna.get("/").text
    assert "0 failing · 0 running · 1 orchestration" in page
    assert f'<a href="/orchestrations/{NAME}">{NAME}</a>' in page
    assert 'class="badge completed"' in page
    assert "1 of 1 completed." in page
    assert len(page) < 40_000


def test_a_run_has_the_sections_of_its_report(anna: Visitor, run_id: str) -> None:
    page = anna.get(f"/runs/{run_id}").text
    for heading in ("Every row is accounted for", "Course of the run", "Match coverage", "Freshness"):
        assert f"<h2>{heading}</h2>" in page
    assert len(page) < 90_000
    assert anna.get(f"/runs/{run_id[:-2]}").headers["location"] == f"/runs/{run_id}"
    assert anna.get("/runs/latest").headers["location"] == f"/runs/{run_id}"


def test_the_orchestration_shows_mapping_sql_and_the_origin_of_settings(anna: Visitor) -> None:
    page = anna.get(f"/orchestrations/{NAME}").text
    assert "<code>user.email</code>" in page
    assert '<span class="h-k">SELECT</span>' in page
    assert re.search(r"orchestration.query</th><td[^>]*>purchases</td><td>line \d+", page)
    assert "token-of-the-shop" not in page


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/orchestrations/purchase", "There is no orchestration &#34;purchase&#34;. Did you mean &#34;purchases&#34;?"),
        ("/destinations/store", "There is no destination &#34;store&#34;. Did you mean &#34;stores&#34;?"),
        ("/runs/never", "There is no run &#34;never&#34;."),
        ("/runs/never/requests", "There is no run &#34;never&#34;."),
        ("/?target=sandbox", "There is no target &#34;sandbox&#34;"),
        ("/nothing", "There is no such page."),
    ],
)
def test_what_there_is_not_is_said(anna: Visitor, path: str, sentence: str) -> None:
    answer = anna.get(path)
    assert answer.status_code == 404
    assert sentence in answer.text


def test_rejected_rows_can_be_had_as_files(anna: Visitor, run_id: str) -> None:
    for kind, beginning in (("csv", b"row,outcome,reason"), ("json", b"["), ("parquet", b"PAR1")):
        answer = anna.get(f"/runs/{run_id}/rejects.{kind}")
        assert answer.content.startswith(beginning)
        assert answer.headers["content-disposition"] == f'attachment; filename="rejects-{run_id}.{kind}"'
    assert anna.get(f"/runs/{run_id}/rejects.exe").status_code == 404
    wrong = anna.get(f"/runs/{run_id}/rejects.csv?reason=missing_identit")
    assert wrong.status_code == 404
    assert "Did you mean" in wrong.text
    assert "download" in anna.get("/audit").text


EMPTY = {
    "/": "No runs yet. Select Run on an orchestration; target local sends to a simulator on this machine.",
    "/runs": "No runs yet. Select Run on an orchestration; target local sends to a simulator on this machine.",
    "/runs?status=failed": "No line matches. Clear the filters.",
    "/audiences": "No audience is kept under target default. An orchestration with a tiktok_audience destination",
    "/schedule": "Nothing runs by itself: every workflow is Manual.",
    "/notifications": "Nothing has happened yet.",
    "/audit": "Nothing has happened yet.",
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console of a project that never ran."""
    made = shop(tmp_path_factory.mktemp("fresh") / "shop", "simulator", SIMULATED)
    with serving(made.directory) as server:
        yield server


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_page_says_what_to_do(fresh: ConsoleServer, path: str) -> None:
    assert EMPTY[path] in sign_in(fresh).get(path).text


def test_a_broken_file_is_told_on_every_page_and_the_project_stays(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = shop(tmp_path_factory.mktemp("broken") / "shop", "simulator", SIMULATED)
    with serving(made.directory) as server:
        visitor = sign_in(server)
        good = made.settings.read_text()
        made.settings.write_text(f"{good}oops: 1\nworse: 2\n")
        page = visitor.get("/").text
        assert "orchestrations.yaml has 2 problems; you see the project as of" in page
        assert "oops is not a known key" in page
        assert NAME in page
        made.settings.write_text(good)
        assert "problems" not in visitor.get("/").text


def test_the_columns_of_dbt_models_stand_with_their_descriptions_below_the_mapping(tmp_path: Path) -> None:
    with serving(beside_recorded(tmp_path / "shop").directory) as server:
        page = sign_in(server).get("/orchestrations/orders").text
    assert "One row for each order" in page
    (row,) = re.findall(r"<tr>(?:(?!</tr>).)*The address that the customer gave.*?</tr>", page)
    assert re.sub(r"<[^>]+>", " ", row).split()[-1] == "email"
