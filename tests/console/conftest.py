"""A project, its console on a free port, and browsers that have signed in."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from connector.console.security.form_tokens import FIELD
from connector.console.server import ConsoleServer, open_console
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop

SIMULATED = GOOD.format(rows=20)


@dataclass
class Visitor:
    """A browser: it sends what Chromium sends from the console's own pages."""

    server: ConsoleServer
    client: httpx.Client
    lines: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def token(self, page: str, action: str) -> str:
        """The token of the form of a page that is posted to a path."""
        return form_token(self.get(page).text, action)

    def post(
        self,
        path: str,
        form: Mapping[str, object] | None = None,
        *,
        page: str = "/",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Posts a form of a page."""
        origin = {"Origin": self.server.home, "Sec-Fetch-Site": "same-origin"}
        token = self.token(page, path.partition("?")[0])
        return self.client.post(path, data={FIELD: token, **(form or {})}, headers={**origin, **(headers or {})})


def form_token(html: str, action: str) -> str:
    """The token in the form with an action."""
    forms = re.findall(r"<form[^>]*action=\"([^\"?]*)[^\"]*\"[^>]*>(.*?)</form>", html, re.DOTALL)
    (token,) = {
        m[1] for path, body in forms if path == action for m in [re.search(rf'name="{FIELD}" value="(\w+)"', body)] if m
    }
    return token


CLIENTS: list[httpx.Client] = []


def browser_of(server: ConsoleServer) -> httpx.Client:
    """A client that keeps cookies and follows nothing, until the end of the test."""
    CLIENTS.append(httpx.Client(base_url=server.home, timeout=20))
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """Closes the browsers of a test."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def sign_in(server: ConsoleServer) -> Visitor:
    """A browser that has signed in, without a try of the codes of a minute."""
    client = browser_of(server)
    console = server.console
    client.cookies.set(console.cookie, console.sessions.start(console.owner), domain="127.0.0.1", path="/")
    return Visitor(server, client)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project whose orchestration ran once; nothing may change it."""
    made = shop(tmp_path_factory.mktemp("console") / "shop", "simulator", SIMULATED)
    assert inside("run", NAME, project=made.directory).code == 0
    return made


@pytest.fixture(scope="session")
def server(project: Shop) -> Iterator[ConsoleServer]:
    """The console of that project."""
    with serving(project.directory) as server:
        yield server


@pytest.fixture
def anna(server: ConsoleServer) -> Visitor:
    """Whoever started the console."""
    return sign_in(server)


LOGGED: list[str] = []
"""What consoles said since the start of the tests."""


def serving(directory: Path, environ: dict[str, str] | None = None, host: str = "127.0.0.1") -> ConsoleServer:
    """A console that runs from entry to exit."""
    return open_console(directory, environ if environ is not None else dict(os.environ), None, host, 0, LOGGED.append)
