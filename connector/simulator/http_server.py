"""A minimal HTTP/1.1 server with keep-alive."""

import socket
import socketserver
import struct
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedIOBase, BufferedReader
from threading import Event, Lock

from connector.core.local_server import RequestStream
from connector.simulator.messages import Delivery, Request, Response

MAX_LINE_BYTES = 16_384
MAX_HEADERS = 100
MAX_BODY_BYTES = 64 * 1024 * 1024
REQUEST_TIMEOUT, IDLE_TIMEOUT = 60.0, 600.0
MAX_CONNECTIONS = 500
_BUFFER = 1 << 16

_PHRASES = {one.value: one.phrase for one in HTTPStatus}

RequestHandler = Callable[[Request], Response]


class MalformedRequestError(Exception):
    """The client sent something that is not a request this server reads."""


class HttpServer(socketserver.ThreadingTCPServer):
    """Serves each connection in its own thread on loopback, until `stop`."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: RequestHandler, port: int, count_connection: Callable[[], None]) -> None:
        self.answer = answer
        self._on_connect = count_connection
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self.stopping = Event()
        super().__init__(("127.0.0.1", port), Connection)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - socketserver's
        """Test whether there is room for another connection."""
        return len(self._open) < MAX_CONNECTIONS

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: whatever a client does is no fault of the server's."""

    @property
    def url(self) -> str:
        """The address it listens on."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def register(self, connection: socket.socket) -> None:
        """Register a connection."""
        with self._lock:
            self._open.add(connection)
        self._on_connect()

    def unregister(self, connection: socket.socket) -> None:
        """Unregister a connection."""
        with self._lock:
            self._open.discard(connection)

    def stop(self) -> None:
        """Accept no further connection and end the open ones."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                _shut_down(connection)


class Connection(socketserver.StreamRequestHandler):
    """Reads request after request from one connection."""

    server: HttpServer
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Set the timeouts of the connection."""
        super().setup()
        self._stream = RequestStream(self.connection, REQUEST_TIMEOUT, IDLE_TIMEOUT)
        self.rfile = BufferedReader(self._stream, _BUFFER)

    def handle(self) -> None:
        """Answer until the client closes the connection or sends a malformed request."""
        self.server.register(self.connection)
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
            self.server.unregister(self.connection)

    def _send(self, response: Response) -> bool:
        """Send the response; return whether the connection stays open."""
        if response.delay:
            self.server.stopping.wait(response.delay)
        if response.delivery is Delivery.RESET:
            # Closing without lingering sends RST; the reader's hold on the socket would put that off.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        if response.delivery is not Delivery.SENT:
            return False
        self.connection.sendall(_response_head(response) + response.body)
        return True


def _response_head(response: Response) -> bytes:
    phrase = _PHRASES.get(response.status, "")
    logged = f"X-Tt-Logid: {response.log_id}\r\n" if response.log_id else ""
    return (
        f"HTTP/1.1 {response.status} {phrase}\r\n{logged}"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n\r\n"
    ).encode()


def read_request(stream: BufferedIOBase, send: Callable[[bytes], None]) -> Request | None:
    """Read the next request; None if the client has closed. Raises MalformedRequestError."""
    line = _read_line(stream)
    if not line:
        return None
    words = line.split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MalformedRequestError
    headers = _read_headers(stream)
    if headers.get("expect", "").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = words[1].partition("?")
    return Request(words[0], path, headers, _read_body(stream, headers), query)


def _read_headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _read_line(stream)
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise MalformedRequestError


def _read_body(stream: BufferedIOBase, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise MalformedRequestError
    body = stream.read(int(length))
    if len(body) < int(length):
        raise ConnectionError("the client left in the middle of a body")
    return body


def _read_line(stream: BufferedIOBase) -> str:
    line = stream.readline(MAX_LINE_BYTES)
    if len(line) == MAX_LINE_BYTES:
        raise MalformedRequestError
    return line.decode("latin-1").rstrip("\r\n")


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
