"""A new orchestration by the console alone, from its query to its file, and what is refused on the way."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.console.conftest import Visitor, serving, sign_in

SQL = (
    "SELECT 'r' || n AS order_number, now() - to_seconds(n) AS ordered_at, n || '@example.com' AS customer_email,\n"
    "    2.5 AS amount, 'gold' AS tier\nFROM range(20) AS t (n)"
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ConsoleServer]:
    inside("init", str(tmp_path / "shop"), project=tmp_path)
    with serving(tmp_path / "shop") as server:
        yield server


@pytest.fixture
def editor(project: ConsoleServer) -> Visitor:
    return sign_in(project)


def folder_of(visitor: Visitor) -> Path:
    return visitor.server.console.source.state().project.directory


def steps(visitor: Visitor, until: str, **filled: dict[str, object]) -> str:
    """Goes through the steps before `until`, and returns the address of that step."""
    forms: dict[str, dict[str, object]] = {
        "query": {"name": "returns", "warehouse": "demo", "query": "", "sql": SQL},
        "destination": {"destination": "store_events"},
        "mapping": {
            "map:email": "customer_email",
            "map:timestamp": "ordered_at",
            "map:event_id": "order_number",
            "map:value": "amount",
        },
        "preview": {},
        "settings": {"limit": "10", "max_reject_percent": "10", "description": "Returns", "tags": "stores, eu"},
    }
    page = "/new/query"
    for step, form in forms.items():
        if step == until:
            break
        answer = visitor.post(page, {**form, **filled.get(step, {})}, page=page)
        assert answer.status_code == 303, html.unescape(answer.text)
        page = answer.headers["location"]
    return page


def test_from_a_query_to_a_run(editor: Visitor) -> None:
    folder = folder_of(editor)
    before = (folder / "orchestrations.yaml").read_text()
    page = steps(editor, "mapping")
    shown = editor.get(page).text
    assert "5 columns were found" in shown
    for parameter, column in (("email", "customer_email"), ("timestamp", "ordered_at"), ("value", "amount")):
        row = re.search(rf'name="map:{parameter}".*?</tr>', shown, re.DOTALL)
        assert row is not None and column in row[0]
    preview = editor.get(_after(editor, page)).text
    assert "20 rows were read" in preview and "@example.com" not in preview
    assert '"email"' in html.unescape(preview)
    settings = editor.post(_path(editor, "preview"), {}, page=_path(editor, "preview")).headers["location"]
    review = editor.post(
        settings, {"limit": "10", "max_reject_percent": "10", "description": "Returns", "tags": "a, b"}, page=settings
    )
    diff = html.unescape(editor.get(review.headers["location"]).text)
    assert "+++ b/queries/returns.sql" in diff and "+++ b/templates/returns.yaml" in diff and "+  returns:" in diff
    assert (folder / "orchestrations.yaml").read_text() == before and not (folder / "queries/returns.sql").exists()
    saved = editor.post(review.headers["location"], {}, page=review.headers["location"])
    assert saved.headers["location"].startswith("/orchestrations/returns")
    text = (folder / "orchestrations.yaml").read_text()
    assert [line for line in before.splitlines() if line not in text.splitlines()] == []
    assert (folder / "queries/returns.sql").read_text() == SQL + "\n"
    assert not list((folder / ".connector/drafts").iterdir())
    ran = inside("run", "returns", "--json", project=folder)
    assert ran.code == 0 and ran.json["rows"]["delivered"] == 10, ran


def _after(visitor: Visitor, page: str) -> str:
    form = {
        "map:email": "customer_email",
        "map:timestamp": "ordered_at",
        "map:event_id": "order_number",
        "map:value": "amount",
    }
    return str(visitor.post(page, form, page=page).headers["location"])


def _path(visitor: Visitor, step: str) -> str:
    (draft,) = (folder_of(visitor) / ".connector/drafts").glob("*.json")
    return f"/new/{step}?draft={draft.stem}"


@pytest.mark.parametrize(
    ("step", "filled", "sentence"),
    [
        ("query", {"name": "Bad Name"}, "takes a small letter"),
        ("query", {"name": "../x"}, "takes a small letter"),
        ("query", {"name": "store_purchases"}, "There is an orchestration"),
        ("query", {"name": "web_purchases_2", "sql": " "}, "Choose a query, or write one."),
        ("query", {"sql": "x" * 70_000}, "larger than 64 KiB"),
        ("query", {"warehouse": "nowhere"}, "Choose the warehouse"),
        ("destination", {"destination": "nowhere"}, "Choose the destination."),
        ("settings", {"limit": "many"}, "limit takes a number."),
        ("settings", {"limit": "0"}, "limit"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    editor: Visitor, step: str, filled: dict[str, object], sentence: str
) -> None:
    page = steps(editor, step)
    forms = {"query": {"name": "returns", "warehouse": "demo", "query": "", "sql": SQL}}
    answer = editor.post(page, {**forms.get(step, {}), **filled}, page=page)
    assert answer.status_code == 400 and sentence in html.unescape(answer.text)
    assert "returns" not in (folder_of(editor) / "orchestrations.yaml").read_text()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", "returns.sql"),
        ("SELECT nothing FROM nowhere", "nowhere"),
        ("DELETE FROM purchases", "SELECT"),
        ("SELECT 1; SELECT 2", "one"),
        ("SELECT '{{ env.HOME }}' AS email", "env"),
    ],
)
def test_a_query_that_does_not_work_is_said_when_its_columns_are_to_be_found(
    editor: Visitor, sql: str, sentence: str
) -> None:
    page = steps(editor, "destination", query={"sql": sql})
    answer = editor.post(page, {"destination": "store_events"}, page=page)
    assert answer.status_code == 400 and sentence in html.unescape(answer.text)
    assert "/dev/shm" not in answer.text and "/tmp/" not in answer.text


def test_a_query_that_is_there_is_chosen_and_not_overwritten(editor: Visitor) -> None:
    query = folder_of(editor) / "queries" / "returns.sql"
    query.write_text(SQL)
    form = {"name": "returns", "warehouse": "demo", "query": "", "sql": "SELECT 1"}
    answer = editor.post("/new/query", form, page="/new/query")
    assert answer.status_code == 400 and "There is a query" in answer.text
    page = steps(editor, "mapping", query={"query": "returns", "sql": ""})
    assert "5 columns were found" in editor.get(page).text and query.read_text() == SQL


def test_drafts_are_private_and_of_their_user(editor: Visitor) -> None:
    page = steps(editor, "mapping")
    (path,) = (folder_of(editor) / ".connector/drafts").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(json.dumps({**json.loads(path.read_text()), "user": "somebody else"}))
    assert editor.get(page).status_code == 404
    assert editor.get("/new/mapping?draft=../../x").status_code == 404
    assert editor.get("/new/mapping").status_code == 404
    assert editor.get("/new/nothing").status_code == 404


def test_columns_with_the_names_of_parameters_need_no_template(editor: Visitor) -> None:
    sql = "SELECT 'r' || n AS event_id, now() AS timestamp, n || '@example.com' AS email, 1 AS value FROM range(3) t(n)"
    names = {f"map:{name}": name for name in ("event_id", "timestamp", "email", "value")}
    form = {**names, "map:event_id": "event_id"}
    page = steps(editor, "mapping", query={"sql": sql})
    after = editor.post(page, form, page=page).headers["location"]
    settings = editor.post(after, {}, page=after).headers["location"]
    review = editor.post(settings, {}, page=settings).headers["location"]
    assert "templates/" not in editor.get(review).text
