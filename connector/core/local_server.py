"""Protect local servers: a deadline for each request, and no requests from pages of other sites."""

import io
import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

FOREIGN = "Only clients on this machine may send this request, to a loopback address and not from another site's page."


class RequestStream(io.RawIOBase):
    """Reads requests from a connection, each of which has to arrive in full within `seconds` of its first byte.

    Raises TimeoutError, also if no request begins within `idle` seconds.
    """

    def __init__(self, connection: socket.socket, seconds: float, idle: float) -> None:
        self._connection, self._seconds, self._idle = connection, seconds, idle
        self._until: float | None = None

    def next_request(self) -> None:
        """Start the idle time before the next request."""
        self._until = None

    def readable(self) -> bool:
        """See RawIOBase."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read some bytes and return their number; 0 at the end of the stream."""
        left = self._idle if self._until is None else self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        received = self._connection.recv_into(buffer)
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        # The response gets the full time, whatever was left of it for the request.
        self._connection.settimeout(self._seconds)
        return received


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from a page of another site, by its headers (names in lower case).

    Such a page can send requests here and, through a host name of its own that resolves here, read the responses.
    """
    host, origin = headers.get("host"), headers.get("origin")
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return True
    return (host is not None and not is_loopback(f"//{host}")) or (origin is not None and not is_loopback(origin))


def is_loopback(url: str) -> bool:
    """Return whether the host of a URL is this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
