"""Services whose answers have no end, in size or in time, hold up nothing and fill no memory."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from connector.config.notification import Notification
from connector.core.response_limit import LARGEST_RESPONSE, limited_responses
from connector.notifications.message import Message
from connector.notifications.notifier import send
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import serving
from tests.destinations.network import read_request

MESSAGE = Message(("failed",), "a title", "a body \ud800", {"text": "\ud800"})
BOMB = 20 << 20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Answering:
    """Answers every connection in one way; `sent` counts bytes."""

    def __init__(self, way: str) -> None:
        self.way, self.sent, self.over = way, 0, threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        with connection:
            try:
                read_request(connection)
                for piece in getattr(self, self.way)():
                    connection.sendall(piece)
                    self.sent += len(piece)
            except OSError:
                return

    def endless(self) -> Iterator[bytes]:
        yield OK + b"\r\n"
        while not self.over.is_set():
            yield bytes(1 << 16)

    def bomb(self) -> Iterator[bytes]:
        body = gzip.compress(bytes(BOMB))
        yield OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def dripping(self) -> Iterator[bytes]:
        yield OK
        while not self.over.wait(0.05):
            yield b"X: y\r\n"


@contextmanager
def answering(way: str) -> Iterator[tuple[str, Answering]]:
    service = Answering(way)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=service, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", service
        service.over.set()


KINDS: dict[str, Callable[[str], Notification]] = {
    "webhook": lambda place: Notification.model_validate({"name": "n", "webhook": f"http://{place}/"}),
    "apprise": lambda place: Notification.model_validate({"name": "n", "url": f"json://{place}/"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["endless", "bomb"])
def test_an_answer_without_an_end_is_not_read(way: str, kind: str) -> None:
    notes: list[str] = []
    with answering(way) as (place, service):
        started = time.monotonic()
        send([(KINDS[kind](place), MESSAGE)], notes.append, seconds=20)
        assert time.monotonic() - started < 15
        assert service.sent < 16 << 20
    assert len(notes) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_drips_is_not_waited_for(kind: str) -> None:
    notes: list[str] = []
    with answering("dripping") as (place, _):
        started = time.monotonic()
        send([(KINDS[kind](place), MESSAGE)], notes.append, seconds=0.5)
        assert time.monotonic() - started < 10
    assert notes == ['The notification "n" was not sent: there was no answer within 0.5 s.']


def test_the_limit_holds_in_its_block_alone() -> None:
    with answering("bomb") as (place, _):
        with limited_responses(), pytest.raises(requests.RequestException, match="more than 1 MiB"):
            requests.get(f"http://{place}/", timeout=10)
        assert len(requests.get(f"http://{place}/", timeout=10).content) > LARGEST_RESPONSE


def test_a_collector_whose_answer_has_no_end_changes_nothing(tmp_path: Path) -> None:
    with serving() as tiktok, answering("endless") as (place, service):
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3))
        done = inside(
            "run", NAME, "--json", project=made.directory, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{place}"}
        )
        assert (done.code, done.record()["status"]) == (0, "completed")
        assert service.sent < 64 << 20
    assert "The metrics and traces of the run" in done.stderr or "The collector did not take" in done.stderr
