"""HTTP/1.1 with keep-alive, as little of it as a fast local server needs."""

import socket
import socketserver
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedIOBase
from threading import Lock

from connector.simulator.messages import Request, Response

LONGEST_LINE = 16_384
MOST_HEADERS = 100
LARGEST_BODY = 64 * 1024 * 1024

Answerer = Callable[[Request], Response]


class MalformedRequestError(Exception):
    """What came is not a request that this server reads."""


class Server(socketserver.ThreadingTCPServer):
    """One thread a connection; answers on loopback until `stop`."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answerer, port: int = 0) -> None:
        self.answer = answer
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def opened(self, connection: socket.socket) -> None:
        """A client has connected."""
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """A client's connection is over."""
        with self._lock:
            self._open.discard(connection)

    def stop(self) -> None:
        """Take no further connection and end those that are open."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                _end(connection)


class Connection(socketserver.StreamRequestHandler):
    """Reads request after request from one connection."""

    server: Server
    disable_nagle_algorithm = True
    rbufsize = 1 << 16

    def handle(self) -> None:
        """Answer until the client closes, or sends what is no request."""
        self.server.opened(self.connection)
        try:
            while (request := read_request(self.rfile)) is not None:
                self._send(self.server.answer(request))
                if request.headers.get("connection", "").lower() == "close":
                    return
        except MalformedRequestError:
            self._send(Response(400, b"400 Bad Request", "text/plain"))
        except OSError:
            return
        finally:
            self.server.closed(self.connection)

    def _send(self, response: Response) -> None:
        head = (
            f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n"
            f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n\r\n"
        )
        self.connection.sendall(head.encode() + response.body)


def read_request(stream: BufferedIOBase) -> Request | None:
    """The next request, or None when the client is done. Raises MalformedRequestError."""
    line = _line(stream)
    if not line:
        return None
    words = line.split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MalformedRequestError
    headers = _headers(stream)
    return Request(words[0], words[1].partition("?")[0], headers, _body(stream, headers))


def _headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        line = _line(stream)
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise MalformedRequestError


def _body(stream: BufferedIOBase, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > LARGEST_BODY:
        raise MalformedRequestError
    body = stream.read(int(length))
    if len(body) < int(length):
        raise ConnectionError("the client left in the middle of a body")
    return body


def _line(stream: BufferedIOBase) -> str:
    line = stream.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        raise MalformedRequestError
    return line.decode("latin-1").rstrip("\r\n")


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
