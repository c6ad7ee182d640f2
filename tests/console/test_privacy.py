"""No page, header or line of the log holds what identifies a person, or a secret; and no name is more than text."""

import csv
import io
import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import yaml

from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.cli.shop import NAME, TOKEN, Shop, shop
from tests.console.conftest import LOGGED, serving, sign_in
from tests.console.test_pages import GETS
from tests.console.test_roles import ORIGIN, ROLES, request

MARKS = ("marked", "2125550177", "1 212 555 0177", TOKEN, "hush-hush", "pass-word")
QUERY = """
    SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, 'mar' || 'ked' || n || '@example.com' AS email
        , '+1 212 555 ' || '0177' AS phone, CASE n % 3 WHEN 0 THEN 'dollars' ELSE 'USD' END AS currency
        , 'write to mar' || 'ked@example.com or +1 212 555 ' || '0177' AS description
        , CASE n WHEN 1 THEN '=1+1' WHEN 2 THEN '@SUM(A1)' ELSE 'o' || n END AS order_id
    FROM range(30) AS t (n)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = shop(tmp_path_factory.mktemp("marked") / "shop", "simulator", QUERY)
    settings = yaml.safe_load(made.settings.read_text())
    settings["warehouses"]["secret"] = {
        "url": "postgresql://someone:pass-word@db.example/x",
        "password": "{{ env.HUSH }}",
    }
    console = {"auth": "proxy", "header": "X-Forwarded-User", "trusted": "127.0.0.1", "origins": ORIGIN}
    made.settings.write_text(yaml.safe_dump({**settings, "roles": ROLES, "console": console}))
    for _ in range(2):
        assert inside("run", NAME, project=made.directory).code == 0
    return made


@pytest.fixture(scope="module")
def server(made: Shop) -> Iterator[ConsoleServer]:
    with serving(made.directory, {**os.environ, "HUSH": "hush-hush"}) as server:
        yield server


@pytest.mark.parametrize("user", ["vera", "sam", "ada", "nobody"])
@pytest.mark.parametrize("path", [*GETS, "/nothing", "/runs/marked", "/orchestrations/marked"])
def test_a_page_holds_no_person_and_no_secret(made: Shop, server: ConsoleServer, path: str, user: str) -> None:
    run = str(inside("runs", "--json", project=made.directory).json["runs"][0]["run_id"]) if "{run_id}" in path else ""
    kinds = ("csv", "json") if "{kind}" in path else ("",)
    for kind in kinds:
        name = "stores" if "destinations" in path else NAME
        url = path.replace("{run_id}", run).replace("{kind}", kind).replace("{name}", name)
        answer = request(server, url, ("X-Forwarded-User", user))
        asked = "marked" in path
        shown = f"{answer.text} {answer.headers} {LOGGED}".replace("%2Fmarked", "")
        found = [mark for mark in MARKS if mark in shown and not (asked and mark == "marked")]
        assert found == []


def test_cells_that_a_spreadsheet_would_execute_are_texts(made: Shop, server: ConsoleServer) -> None:
    run = str(inside("runs", "--json", project=made.directory).json["runs"][0]["run_id"])
    answer = request(server, f"/runs/{run}/rejects.csv?reason=already_delivered", ("X-Forwarded-User", "ada"))
    cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
    assert len(cells) > 20
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


NAMES = ["<img src=x onerror=alert(1)>", "a;b", "ünïcode 🛍", "x" * 150, "a'b\"c", "أهلا", "a&b=c", "%2e%2e", "a#b?c"]


@pytest.fixture(scope="module")
def oddly_named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console of orchestrations with names that are more than words elsewhere."""
    made = shop(tmp_path_factory.mktemp("odd") / "shop", "simulator", "SELECT 1 AS x")
    settings = yaml.safe_load(made.settings.read_text())
    (entry,) = settings["orchestrations"].values()
    settings["orchestrations"] = {name: {**entry, "description": name} for name in NAMES}
    made.settings.write_text(yaml.safe_dump(settings, allow_unicode=True))
    with serving(made.directory) as server:
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_text_everywhere(oddly_named: ConsoleServer, name: str) -> None:
    visitor = sign_in(oddly_named)
    for path in (
        "/",
        "/schedule",
        "/runs",
        f"/orchestrations/{quote(name, safe='')}",
        f"/orchestrations/{quote(name, safe='')}/run",
    ):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "<img src=x" not in answer.text
    assert visitor.get(f"/?target={quote(name)}").status_code == 404


@pytest.mark.parametrize("name", ["../../etc/passwd", "-x", "%2e%2e%2f", "a\nb"])
def test_a_path_leads_to_no_file(oddly_named: ConsoleServer, name: str) -> None:
    visitor = sign_in(oddly_named)
    for place in ("/orchestrations/", "/runs/", "/destinations/", "/plans/", "/launches/", "/static/"):
        assert visitor.get(place + quote(name, safe="")).status_code == 404
    assert visitor.get(f"/static/0/{quote('../console.css', safe='')}").status_code == 404
