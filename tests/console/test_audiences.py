"""Audiences: what runs keep, and their size at the platform."""

import re
from collections.abc import Iterator

import pytest

from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.cli.shop import Shop
from tests.console.conftest import serving, sign_in
from tests.console.test_actions import wait


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console of the example, whose audience was synced."""
    folder = tmp_path_factory.mktemp("audience") / "shop"
    assert inside("init", str(folder), project=folder.parent).code == 0
    assert inside("run", "vip_customers", "--yes", project=Shop(folder).directory).code == 0
    with serving(folder) as server:
        yield server


def test_its_members_are_counted_and_tiktok_is_asked_for_its_size(server: ConsoleServer) -> None:
    visitor = sign_in(server)
    page = visitor.get("/audiences").text
    assert re.search(r"email [\d,]+", page)
    assert "1 served" in page
    (action,) = re.findall(r'action="(/audiences/[^"]+/size)"', page)
    answer = visitor.post(action, page="/audiences")
    shown = wait(visitor, answer.headers["location"], lambda page: "data-reload" not in page.text).text
    assert "Asking" not in shown
