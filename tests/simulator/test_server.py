import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from connector.simulator.server import Simulator
from tests.simulator.client import Caller, body, event


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


def test_a_client_that_asks_before_it_sends_a_large_body_is_told_to_go_on(simulator: Simulator) -> None:
    parts, content = urlsplit(simulator.url), json.dumps(body(event())).encode()
    head = f"POST /open_api/v1.3/event/track/ HTTP/1.1\r\nAccess-Token: t\r\nExpect: 100-continue\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(content)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


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


def test_a_port_that_is_taken_is_an_error() -> None:
    with Simulator() as first:
        port = urlsplit(first.url).port or 0
        with pytest.raises(OSError, match="in use"), Simulator(port=port):
            pass
