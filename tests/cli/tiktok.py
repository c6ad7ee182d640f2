"""A server in place of TikTok: it keeps every request and answers as a test wants."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/open_api/v1.3/event/track/"


@dataclass(frozen=True)
class Received:
    """One request, and the code that it was answered with (None: with no code at all)."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    code: int | None
    raw: bytes = b""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body."""
        events: list[dict[str, Any]] = self.body["data"]
        return events


@dataclass(frozen=True)
class Reply:
    """An answer: TikTok's envelope with an HTTP status, or, where `reset`, the connection torn down."""

    code: int = 0
    message: str = "OK"
    status: int = 200
    reset: bool = False
    envelope: bool = True
    request_id: str = "2026REQUEST"


OK = Reply()
Answering = Callable[[dict[str, Any]], Reply]


@dataclass
class TikTok:
    """What was received. `answer` decides on each body; called from several threads."""

    answer: Answering = lambda body: OK
    requests: list[Received] = field(default_factory=list)
    url: str = ""
    first: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def accepted(self) -> list[Received]:
        """The requests that were answered with code 0."""
        return [request for request in self.requests if request.code == 0]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that were accepted."""
        return [event for request in self.accepted for event in request.events]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_POST(self) -> None:
        tiktok = self.server.tiktok
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        tiktok.first.set()
        reply = tiktok.answer(body)
        code = None if reply.reset or not reply.envelope else reply.code
        with tiktok.lock:
            tiktok.requests.append(Received(self.path, dict(self.headers), body, code, raw))
        if reply.reset:
            self._reset()
        else:
            self._write(reply)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _write(self, reply: Reply) -> None:
        answer = {"code": reply.code, "message": reply.message, "request_id": reply.request_id, "data": {}}
        sent = json.dumps(answer).encode() if reply.envelope else reply.message.encode()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tiktok: TikTok, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.tiktok = tiktok

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no fault of the server's."""


@contextmanager
def serving(answer: Answering | None = None, *, port: int = 0) -> Iterator[TikTok]:
    """A server on this machine, at a free port unless one is named."""
    tiktok = TikTok(answer) if answer else TikTok()
    with _Server(tiktok, port) as server:
        tiktok.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield tiktok
        finally:
            server.shutdown()
            thread.join()
