"""HTTP/1.1 with keep-alive, as little of it as a fast local server needs."""

import socket
import socketserver
import struct
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedIOBase, BufferedReader
from threading import Event, Lock

from connector.clients import RequestStream
from connector.simulator.messages import Ending, Request, Response

LONGEST_LINE = 16_384
MOST_HEADERS = 100
LARGEST_BODY = 64 * 1024 * 1024
SECONDS_FOR_A_REQUEST, SECONDS_IDLE = 60.0, 600.0
MOST_CONNECTIONS = 500
_BUFFER = 1 << 16

_PHRASES = {one.value: one.phrase for one in HTTPStatus}

Answerer = Callable[[Request], Response]


class MalformedRequestError(Exception):
    """What came is not a request that this server reads."""


class Server(socketserver.ThreadingTCPServer):
    """One thread a connection; answers on loopback until `stop`."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answerer, port: int, connected: Callable[[], None]) -> None:
        self.answer = answer
        self._connected = connected
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self.stopping = Event()
        super().__init__(("127.0.0.1", port), Connection)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - socketserver's
        """Whether there is room for another connection."""
        return len(self._open) < MOST_CONNECTIONS

    def handle_error(self, request: object, client_address: object) -> None:
        """Whatever a client does is no fault of the server's."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def opened(self, connection: socket.socket) -> None:
        """A client has connected."""
        with self._lock:
            self._open.add(connection)
        self._connected()

    def closed(self, connection: socket.socket) -> None:
        """A client's connection is over."""
        with self._lock:
            self._open.discard(connection)

    def stop(self) -> None:
        """Take no further connection and end those that are open."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                _end(connection)


class Connection(socketserver.StreamRequestHandler):
    """Reads request after request from one connection."""

    server: Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Prepare to read, within the time there is for a request."""
        super().setup()
        self._stream = RequestStream(self.connection, SECONDS_FOR_A_REQUEST, SECONDS_IDLE)
        self.rfile = BufferedReader(self._stream, _BUFFER)

    def handle(self) -> None:
        """Answer until the client closes, or sends what is no request."""
        self.server.opened(self.connection)
        try:
            while (request := read_request(self.rfile, self.connection.sendall)) is not None:
                if not self._send(self.server.answer(request)):
                    return
                if request.headers.get("connection", "").lower() == "close":
                    return
                self._stream.next_request()
        except MalformedRequestError:
            self._send(Response(400, b"400 Bad Request", "text/plain"))
        except OSError:
            return
        finally:
            self.server.closed(self.connection)

    def _send(self, response: Response) -> bool:
        """Whether the connection goes on."""
        if response.delay:
            self.server.stopping.wait(response.delay)
        if response.ending is Ending.RESET:
            # Closing without lingering sends RST; the reader's hold on the socket would put that off.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        if response.ending is not Ending.SENT:
            return False
        self.connection.sendall(_head(response) + response.body)
        return True


def _head(response: Response) -> bytes:
    phrase = _PHRASES.get(response.status, "")
    logged = f"X-Tt-Logid: {response.log_id}\r\n" if response.log_id else ""
    return (
        f"HTTP/1.1 {response.status} {phrase}\r\n{logged}"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n\r\n"
    ).encode()


def read_request(stream: BufferedIOBase, send: Callable[[bytes], None]) -> Request | None:
    """The next request, or None when the client is done. Raises MalformedRequestError."""
    line = _line(stream)
    if not line:
        return None
    words = line.split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MalformedRequestError
    headers = _headers(stream)
    if headers.get("expect", "").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = words[1].partition("?")
    return Request(words[0], path, headers, _body(stream, headers), query)


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
