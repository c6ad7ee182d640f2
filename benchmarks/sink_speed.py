"""How fast the sink takes requests from a client that does nothing but write prepared bytes to sockets."""

import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from benchmarks.sink import Sink

CONNECTIONS = 2


def requests_per_second(sink: Sink, body_bytes: int, requests: int) -> float:
    """Sends `requests` bodies of `body_bytes` each over CONNECTIONS keep-alive connections."""
    request = b"POST /open_api/v1.3/event/track/ HTTP/1.1\r\nHost: sink\r\nContent-Length: %d\r\n\r\n" % body_bytes
    request += b"x" * body_bytes
    each = max(1, requests // CONNECTIONS)
    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for done in [threads.submit(post, sink.port, repeat(request, each)) for _ in range(CONNECTIONS)]:
            done.result()
    return CONNECTIONS * each / (time.perf_counter() - started)


def post(port: int, requests: Iterable[bytes]) -> list[bytes]:
    """Sends whole requests over one connection, each after the answer to the one before; gives the answers."""
    answers = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            connection.sendall(request)
            answer = b""
            while b"}}" not in answer:
                answer += connection.recv(4096)
            answers.append(answer)
    return answers
