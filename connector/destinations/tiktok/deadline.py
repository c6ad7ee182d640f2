"""Apply one deadline to a whole attempt: connecting, sending, and every byte of the answer."""

import socket
import threading
import time
from collections.abc import Iterable
from ssl import SSLContext

import httpcore

SECONDS_AFTER_STOP = 3.0
"""Time left for a pending answer once the user asks to stop. A request without an answer is sent again later."""
LONGEST_WAIT = 0.2
"""Seconds after which a waiting attempt checks whether to stop."""
_NESTED_WRITE = 1 << 14


class Deadline(threading.local):
    """The end of the attempt of this thread; each thread has its own."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._until = 0.0
        self._is_stopping = False

    def begin(self, seconds: float) -> None:
        """Start an attempt that may take this many seconds."""
        self._until, self._is_stopping = time.monotonic() + seconds, False

    def wait(self, exceeded: type[Exception], longest: float = LONGEST_WAIT) -> float:
        """Return the seconds to wait next, at most `longest`; raise `exceeded` after the deadline."""
        now = time.monotonic()
        if self._stop.is_set() and not self._is_stopping:
            self._until, self._is_stopping = min(self._until, now + SECONDS_AFTER_STOP), True
        if now >= self._until:
            raise exceeded("the attempt took too long")
        return min(self._until - now, longest)


class Backend(httpcore.NetworkBackend):
    """Opens connections that obey the deadline of the thread that uses them."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers."""
        failure: Exception = httpcore.ConnectError(f"no address of {host}")
        for address in _addresses(host, port):
            wait = self._deadline.wait(httpcore.ConnectTimeout, timeout or LONGEST_WAIT)
            try:
                return _Stream(
                    self._backend.connect_tcp(address, port, wait, local_address, socket_options), self._deadline
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream(httpcore.NetworkStream):
    """A connection that ignores the `timeout` of its methods, which would apply to each piece."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, *, is_nested: bool = False) -> None:
        self._stream, self._deadline, self._is_nested = stream, deadline, is_nested
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes. Raises ReadTimeout at the deadline."""
        while True:
            wait = self._deadline.wait(httpcore.ReadTimeout)
            try:
                return self._stream.read(max_bytes, wait)
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the buffer. Raises WriteTimeout at the deadline."""
        left = memoryview(buffer)
        while left:
            left = left[self._sent(left) :]

    def _sent(self, data: memoryview) -> int:
        """Send some of the data; return the number of bytes, 0 if none could be sent yet."""
        if self._is_nested:
            piece = bytes(data[:_NESTED_WRITE])
            self._stream.write(piece, self._deadline.wait(httpcore.WriteTimeout, float("inf")))
            return len(piece)
        self._socket.settimeout(self._deadline.wait(httpcore.WriteTimeout))
        try:
            return self._socket.send(data)
        except TimeoutError:
            return 0
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Encrypt the connection, or nest the encryption if it is encrypted already, as to a proxy."""
        wait = self._deadline.wait(httpcore.ConnectTimeout, timeout or LONGEST_WAIT)
        is_nested = self._stream.get_extra_info("ssl_object") is not None
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, wait), self._deadline, is_nested=is_nested)

    def get_extra_info(self, info: str) -> object:
        """Return information on the underlying connection."""
        return self._stream.get_extra_info(info)
