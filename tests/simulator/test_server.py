import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from connector.simulator.server import Simulator
from tests.simulator.client import TRACK, Caller, body, event


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    caller = Caller(simulator.url)
    yield caller
    caller.connection.close()


def test_good_events_are_taken_in_tiktoks_envelope(caller: Caller) -> None:
    status, answer = caller.raw(json.dumps(body(event())).encode())
    envelope = json.loads(answer)
    assert (status, envelope["code"], envelope["message"], envelope["data"]) == (200, 0, "OK", {})
    assert len(envelope["request_id"]) == 32


def test_every_request_has_an_id_of_its_own(caller: Caller) -> None:
    ids = {json.loads(caller.raw(json.dumps(body(event())).encode())[1])["request_id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", TRACK.rstrip("/")), ("GET", TRACK), ("POST", "/"), ("POST", "/open_api/v1.2/x/")],
)
def test_a_missing_slash_wrong_path_or_method_is_not_found_without_an_envelope(
    caller: Caller, method: str, path: str
) -> None:
    assert caller.raw(b"{}", method=method, path=path) == (404, b"404 page not found")


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_the_answer_is_40104(caller: Caller, token: str | None) -> None:
    assert caller.send(body(event()), token=token)[:2] == (401, 40104)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b'{"data":NaN}', b"\xff\xfe", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(caller: Caller, content: bytes) -> None:
    status, answer = caller.raw(content)
    assert (status, json.loads(answer)["code"]) == (400, 40002)


def test_one_invalid_event_refuses_the_whole_request_and_is_named(simulator: Simulator, caller: Caller) -> None:
    request = body(event(event_id="a"), event(event_id="b"), event(event_id=12))
    assert caller.send(request) == (400, 40002, "Invalid value for data.2.event_id: not a valid string.")
    assert simulator.tally.received == 0
    assert caller.send(body(event(event_id="a"))) == (200, 0, "OK")
    assert simulator.tally.duplicates == 0


def test_one_connection_serves_many_requests(simulator: Simulator, caller: Caller) -> None:
    for number in range(50):
        caller.send(body(event(event_id=str(number))))
    assert simulator.tally.connections == 1
    assert simulator.tally.requests == 50


def test_connections_are_served_side_by_side(simulator: Simulator) -> None:
    def send(first: int) -> None:
        caller = Caller(simulator.url)
        for number in range(first, first + 20):
            caller.send(body(*(event(event_id=f"{number}-{n}") for n in range(10))))
        caller.connection.close()

    threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = simulator.tally
    assert (tally.connections, tally.requests, tally.distinct, tally.duplicates) == (8, 160, 1600, 0)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_turned_away(simulator: Simulator, sent: bytes) -> None:
    parts = urlsplit(simulator.url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_leaves_in_the_middle_does_no_harm(simulator: Simulator, caller: Caller) -> None:
    parts = urlsplit(simulator.url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert caller.send(body(event())) == (200, 0, "OK")


def test_the_counts_outlive_the_server_and_the_server_does_not_outlive_the_block() -> None:
    with Simulator() as simulator:
        url = simulator.url
        caller = Caller(url)
        caller.send(body(event()))
        caller.connection.close()
    assert simulator.tally.distinct == 1
    with pytest.raises(ConnectionRefusedError):
        Caller(url).send(body(event()))


def test_a_simulator_that_was_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = Simulator().url


def test_in_a_process_of_its_own_it_counts_alike() -> None:
    with Simulator(process=True) as simulator:
        caller = Caller(simulator.url)
        caller.send(body(event(), event(), event(user={"email": "jane@example.com"}, event_id="e2")))
        caller.send(body(event(event_time="now")))
        caller.connection.close()
        during = simulator.tally
    after = simulator.tally
    assert (during.requests, during.refused, during.distinct, during.duplicates) == (2, 1, 2, 1)
    assert after.events == during.events == {"offline 7654321098765432109": {"Purchase": 2}}
    assert after.violations == {"email is not hashed": 1}
    assert simulator.lines()[0].startswith("The simulator got 2 requests and refused 1;")


def test_the_process_ends_when_its_starter_dies() -> None:
    command = [sys.executable, "-m", "connector.simulator.process", "0"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin and child.stdout
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()


def test_a_port_that_is_taken_is_an_error_with_its_number() -> None:
    with Simulator() as first:
        port = urlsplit(first.url).port or 0
        with pytest.raises(OSError, match="in use"), Simulator(port=port):
            pass
