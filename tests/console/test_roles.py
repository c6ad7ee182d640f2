"""Who may open which page, behind a proxy that names the users."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from connector.console.application import PAGES
from connector.console.endpoint import START, Right
from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.console.conftest import SIMULATED, browser_of, serving
from tests.console.test_pages import ASKING, filled

ORIGIN = "https://connector.example"
SECRET = "only-the-proxy-knows"
ROLES = {
    "viewers": {"users": ["vera"]},
    "senders": {"users": ["sam"], "pii": True},
    "admins": {"users": ["ada", "root"], "admin": True},
}
USERS = {"vera": {Right.SEE}, "sam": {Right.SEE}, "ada": {Right.SEE, Right.EDIT}, "nobody": set()}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project whose console is behind a proxy on this machine."""
    made = shop(tmp_path_factory.mktemp("proxied") / "shop", "simulator", SIMULATED)
    settings = yaml.safe_load(made.settings.read_text())
    console = {"auth": "proxy", "header": "X-Forwarded-User", "trusted": "127.0.0.1", "origins": ORIGIN}
    made.settings.write_text(yaml.safe_dump({**settings, "roles": ROLES, "console": console}))
    assert inside("run", NAME, project=made.directory).code == 0
    return made


@pytest.fixture(scope="module")
def console(proxied: Shop) -> Iterator[ConsoleServer]:
    with serving(proxied.directory) as server:
        yield server


@pytest.fixture(scope="module")
def run_id(proxied: Shop) -> str:
    return str(inside("runs", "--json", project=proxied.directory).json["runs"][0]["run_id"])


def request(server: ConsoleServer, path: str, *headers: tuple[str, str], method: str = "GET") -> httpx.Response:
    """What the proxy would send."""
    client = browser_of(server)
    client.base_url = httpx.URL(f"http://127.0.0.1:{server.console.port}")
    return client.request(method, path, headers=[("Host", "connector.example"), *headers])


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("path", "right"), [(path, right) for path, _, method, right in PAGES if method == "GET"])
def test_a_page_is_for_those_with_its_right(
    console: ConsoleServer, run_id: str, path: str, right: Right, user: str
) -> None:
    answer = request(console, filled(path, run_id), ("X-Forwarded-User", user))
    if right is Right.NONE or (right in USERS[user] and "{id}" in path):
        assert answer.status_code == (303 if path == START else 404)
    elif right in USERS[user] and path.endswith(ASKING):
        assert answer.status_code == 409
    elif right not in USERS[user]:
        assert answer.status_code == 403
        assert f"{user} may not" in answer.text
        assert "badge" not in answer.text
        assert NAME not in answer.text.replace(filled(path, run_id), "")
    elif "{kind}" in path and user == "vera":
        assert answer.status_code == 403
        assert "it takes a role with pii: true" in answer.text
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize(("path", "right"), [(path, right) for path, _, method, right in PAGES if method == "POST"])
def test_an_action_needs_a_form_of_the_console(console: ConsoleServer, run_id: str, path: str, right: Right) -> None:
    origin, user = ("Origin", ORIGIN), ("X-Forwarded-User", "ada")
    assert request(console, filled(path, run_id), user, origin, method="POST").status_code == 403
    nobody = request(console, filled(path, run_id), ("X-Forwarded-User", "nobody"), origin, method="POST")
    assert nobody.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", "x" * 129)],
        [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "vera")],
        [("X-Forwarded-User", "ada"), ("x-forwarded-user", "vera")],
        [("X-Forwarded-Users", "ada")],
    ],
)
def test_a_header_that_names_not_one_user_is_refused(console: ConsoleServer, headers: list[tuple[str, str]]) -> None:
    answer = request(console, "/", *headers)
    assert answer.status_code == 403
    assert "did not name one user" in answer.text


def test_the_name_of_the_header_is_of_any_case(console: ConsoleServer) -> None:
    assert request(console, "/", ("x-FORWARDED-user", "vera")).status_code == 200


def test_another_host_and_origin_are_refused(console: ConsoleServer) -> None:
    port = console.console.port
    user = {"X-Forwarded-User": "ada"}
    assert httpx.get(f"http://127.0.0.1:{port}/", headers=user).status_code == 421
    for origin in ("http://connector.example", "https://connector.example:444", "null"):
        given = ("X-Forwarded-User", "ada"), ("Origin", origin)
        answer = request(console, "/leave", *given, method="POST")
        assert (answer.status_code, "another site" in answer.text) == (403, True)


def test_other_machines_and_programs_are_refused(proxied: Shop, tmp_path: Path) -> None:
    settings = yaml.safe_load(proxied.settings.read_text())
    changed = {**settings["console"], "secret_header": "X-Console-Secret: {{ env.CONSOLE_SECRET }}"}
    (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump({**settings, "console": changed}))
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / f"{NAME}.sql").write_text(SIMULATED)
    ada = ("X-Forwarded-User", "ada")
    with serving(tmp_path, {"CONSOLE_SECRET": SECRET}) as server:
        assert request(server, "/", ada).status_code == 403
        assert request(server, "/", ada, ("X-Console-Secret", "guess")).status_code == 403
        assert request(server, "/", ada, ("X-Console-Secret", SECRET)).status_code == 200
    elsewhere = {**settings["console"], "trusted": ["10.0.0.7", "10.1.0.0/24"]}
    (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump({**settings, "console": elsewhere}))
    with serving(tmp_path) as server:
        answer = request(server, "/", ada)
        assert answer.status_code == 403
        assert "not the console&#39;s proxy" in answer.text or "not the console's proxy" in answer.text
