"""A server that misbehaves on the wire in ways no HTTP library offers."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b'{"code":0,"message":"OK","request_id":"r","data":{}}'
Conduct = Callable[[socket.socket], None]


def read_request(connection: socket.socket) -> bytes:
    """One whole request; empty when the client closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    length = next(lengths, 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def respond(connection: socket.socket, body: bytes = OK, status: bytes = b"200 OK") -> None:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
        status,
        len(body),
    )
    connection.sendall(head + body)


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def serving(*conducts: Conduct) -> Iterator[str]:
    """Serve one connection after the other, each by its own conduct; yields the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for conduct in conducts:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    conduct(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)
