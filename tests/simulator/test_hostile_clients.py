"""Clients that send too much, too deep or too slowly, and pages of other sites."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.core.local_server import RequestStream, is_foreign
from connector.destinations.tiktok import redirect
from connector.destinations.tiktok.redirect import Redirect
from connector.errors import UsageError
from connector.scheduler import health
from connector.scheduler.health import HealthServer
from connector.scheduler.status import SchedulerStatus
from connector.simulator import http_server
from connector.simulator.fault_files import build, read
from connector.simulator.server import Simulator
from tests.simulator.client import Caller, body, event

FOREIGN = [
    {"Host": "attacker.example"}, {"Host": "attacker.example:8787"}, {"Host": "127.0.0.1.attacker.example"},
    {"Host": "10.0.0.1"}, {"Host": ""}, {"Host": "[::1"}, {"Host": "127.0.0.1@attacker.example"},
    {"Origin": "https://attacker.example"}, {"Origin": "null"}, {"Origin": "http://localhost.attacker.example"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
]  # fmt: skip
LOCAL = [
    {}, {"Host": "localhost"}, {"Host": "localhost:8787"}, {"Host": "127.0.0.1:1"}, {"Host": "[::1]:8787"},
    {"Origin": "http://127.0.0.1:8787"}, {"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "none"},
]  # fmt: skip


def asked(url: str, path: str, headers: dict[str, str], method: str = "GET") -> bytes:
    """What a server answers to these headers, which are sent as they are."""
    parts = urlsplit(url)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        try:
            connection.sendall(("\r\n".join([*lines, "Connection: close", "", ""])).encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            return b""


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_page_of_another_site_controls_the_simulator(simulator: Simulator, headers: dict[str, str]) -> None:
    for method, path in (("GET", "tally"), ("DELETE", "faults"), ("POST", "forget")):
        assert asked(simulator.url, f"/_simulator/{path}", headers, method).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("headers", LOCAL, ids=str)
def test_clients_on_this_machine_control_the_simulator(simulator: Simulator, headers: dict[str, str]) -> None:
    assert asked(simulator.url, "/_simulator/tally", headers).startswith(b"HTTP/1.1 200 ")


@contextmanager
def healthy(host: str = "127.0.0.1") -> Iterator[str]:
    with HealthServer(SchedulerStatus("local"), host, 0) as server:
        yield server.url.replace("0.0.0.0", "127.0.0.1")


def test_the_health_server_of_this_machine_answers_no_page_of_another_site() -> None:
    with healthy() as url:
        for headers in FOREIGN:
            assert asked(url, "/healthz", headers).startswith(b"HTTP/1.0 403 ")
        for headers in LOCAL:
            assert asked(url, "/healthz", headers).startswith(b"HTTP/1.0 200 ")
    with healthy("0.0.0.0") as url:
        assert asked(url, "/healthz", {"Host": "probe.example"}).startswith(b"HTTP/1.0 200 ")


def test_headers_are_looked_at_whatever_their_case() -> None:
    assert is_foreign({"host": "x.example"})
    assert not is_foreign({})


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize("command", ["faults", "tokens", "refresh_tokens", "event_sources", "clock", "audiences/busy"])
@pytest.mark.parametrize(
    "content",
    [DEEP, b'{"token":' + DEEP + b"}", b"[" * 900 + b"]" * 900, b'{"kind":' + b"[" * 900 + b"]" * 900 + b"}", b"\xff", b"",
     b'{"token":"t","expires_in":1e400,"advance":1e400,"seconds":1e400}',
     b'{"token":"t","expires_in":' + b"9" * 400 + b',"advance":' + b"9" * 400 + b',"kind":"slow","seconds":"inf"}',
     b'{"token":"t","scopes":[1e400],"advance":NaN,"kind":"slow","seconds":NaN}'],
    ids=range(9),
)  # fmt: skip
def test_what_cannot_be_asked_is_answered_in_a_moment(caller: Caller, command: str, content: bytes) -> None:
    status, said = caller.raw(content, path=f"/_simulator/{command}")
    assert status in {200, 400}
    assert len(said) < 1000
    assert isinstance(caller.control("GET", "tally"), dict)
    assert caller.send(body(event()))[1] in {0, 40001}


@pytest.mark.parametrize(
    "given", ["slow:seconds=nan", "slow:seconds=1e300", "slow:seconds=inf", {"kind": ["slow"]}, {"kind": {}}]
)
def test_a_fault_that_no_timer_takes_is_refused(given: Any) -> None:
    with pytest.raises(UsageError):
        build(given)


@pytest.mark.parametrize(
    "content", [DEEP, b"\xff\xfe\xfa", b"\0", b"#" * (1 << 21), b"&a [*a]", b"[!!int x]"], ids=range(6)
)
def test_a_file_of_faults_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "faults.yaml").write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read(tmp_path / "faults.yaml")
    assert len(str(raised.value)) < 500


DRIPS: dict[str, tuple[bytes, bytes]] = {
    "a request line": (b"G", b"E"),
    "headers": (b"GET /_simulator/tally HTTP/1.1\r\n", b"A: b\r\n"),
    "a header": (b"GET /healthz HTTP/1.1\r\nA: ", b"b"),
    "a body": (b"POST /_simulator/faults HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", b" "),
}


def ends(url: str, begin: bytes, piece: bytes) -> float:
    """The seconds until the server gives up on a client that drips."""
    parts, started = urlsplit(url), time.monotonic()
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(begin)
        connection.settimeout(0.02)
        while time.monotonic() - started < 10:
            try:
                connection.sendall(piece)
                if not connection.recv(1000):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - started


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients have a moment instead of a minute."""
    monkeypatch.setattr(http_server, "REQUEST_TIMEOUT", 0.3)
    monkeypatch.setattr(http_server, "IDLE_TIMEOUT", 0.6)
    monkeypatch.setattr(health, "_REQUEST_TIMEOUT", 0.3)
    monkeypatch.setattr(redirect, "VISIT_SECONDS", 0.3)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("way", DRIPS)
def test_a_client_that_drips_is_given_up(way: str) -> None:
    with Simulator() as simulator, healthy() as url, Redirect(0) as back:
        for server in (simulator.url, url, back.url):
            if (way, server) != ("a body", url):
                assert ends(server, *DRIPS[way]) < 5


@pytest.mark.usefixtures("hasty")
def test_a_connection_lives_on_between_requests_but_not_for_ever() -> None:
    with Simulator() as simulator:
        caller = Caller(simulator.url)
        for _ in range(3):
            time.sleep(0.4)
            assert caller.send(body(event()))[1] == 0
        assert simulator.tally.connections == 1
        assert ends(simulator.url, b"", b"") < 5
        caller.connection.close()


def test_there_is_room_for_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 3)
    with Simulator() as simulator:
        callers = [Caller(simulator.url) for _ in range(3)]
        for caller in callers:
            caller.send(body(event()))
        assert asked(simulator.url, "/_simulator/tally", {}) == b""
        for caller in callers:
            assert caller.send(body(event()))[1] == 0
            caller.connection.close()


def test_a_request_has_to_come_within_its_time_however_it_drips() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.02):
            theirs.send(b"x")

    with ours, theirs:
        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            BufferedReader(RequestStream(ours, 0.3, 10)).readline()
        assert 0.2 < time.monotonic() - started < 3
        over.set()
