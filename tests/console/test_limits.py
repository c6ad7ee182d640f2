"""Limits of the console, over and under, and whose connection a request comes by."""

import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from connector.console import endpoint
from connector.console.endpoint import TOO_SLOW
from connector.console.security.limits import CONNECTIONS, SQL_BYTES, TESTS_A_MINUTE, RateLimit
from connector.console.security.peers import user_of_connection
from connector.console.server import ConsoleServer
from tests.cli.shop import NAME, Shop, shop
from tests.console.conftest import Visitor, browser_of, serving, sign_in


def test_a_connection_of_this_machine_names_its_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            ends = client.getsockname(), client.getpeername()
            assert user_of_connection(*ends) == os.getuid()
        assert user_of_connection(("127.0.0.1", 1), ends[1]) is None
    assert user_of_connection(("connector.example", 1), ends[1]) is None


def test_a_connection_by_the_mapped_address_names_its_user_too(server: ConsoleServer) -> None:
    with socket.socket(socket.AF_INET6) as client:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        client.connect(("::ffff:127.0.0.1", server.console.port))
        mapped = client.getsockname()
        assert user_of_connection(("127.0.0.1", mapped[1]), ("127.0.0.1", server.console.port)) == os.getuid()


def test_another_user_of_the_machine_is_refused_with_whatever_cookie(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_242_424)
    answer = anna.get("/")
    assert (answer.status_code, "another user of this machine" in answer.text) == (403, True)


def test_so_many_uses_a_minute() -> None:
    clock = [0.0]
    limit = RateLimit(TESTS_A_MINUTE, lambda: clock[0])
    assert [limit.allow() for _ in range(TESTS_A_MINUTE + 1)] == [True] * TESTS_A_MINUTE + [False]
    clock[0] = 60.0
    assert limit.allow()


def test_a_page_that_takes_too_long_says_so(anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "PAGE_SECONDS", 0.3)
    released, ledgers = threading.Event(), anna.server.console.ledgers
    open_now = ledgers.of
    monkeypatch.setattr(ledgers, "of", lambda project: released.wait(5) and open_now(project))
    answer = anna.get("/")
    released.set()
    monkeypatch.undo()
    assert answer.status_code == 503
    assert TOO_SLOW in answer.text
    assert anna.get("/").status_code == 200


def test_so_many_connections(project: Shop) -> None:
    with serving(project.directory) as server:
        address = ("127.0.0.1", server.console.port)
        idle = [socket.create_connection(address) for _ in range(CONNECTIONS + 4)]
        time.sleep(0.3)
        assert browser_of(server).get("/enter").status_code == 503
        for one in idle:
            one.close()
        time.sleep(0.3)
        assert browser_of(server).get("/enter").status_code == 200


@pytest.mark.parametrize(("size", "is_cut"), [(SQL_BYTES, False), (SQL_BYTES + 1, True)])
def test_so_much_sql_is_shown(tmp_path: Path, size: int, is_cut: bool) -> None:
    end = "/* the end */"
    query = "SELECT 1 AS x -- ".ljust(size - len(end) - 1, "y") + "\n" + end
    assert len(query) == size
    made = shop(tmp_path / "shop", "simulator", query)
    with serving(made.directory) as server:
        page = sign_in(server).get(f"/orchestrations/{NAME}").text
    assert ("Only the first 64 KiB are shown." in page) == is_cut
    assert ("the end */" in page) == (not is_cut)


def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", "SELECT 1 AS x")
    made.settings.write_text(made.settings.read_text() + "ledger: postgresql://user:pass-word@127.0.0.1:1/x\n")
    with serving(made.directory) as server:
        answer = sign_in(server).get("/")
    assert answer.status_code in {400, 503}
    assert "pass-word" not in answer.text
    assert re.search(r"The ledger (cannot be read|could not be)", answer.text), answer.text
