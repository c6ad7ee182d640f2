"""Limit clients of local servers: a deadline for each request, and no requests from other sites' pages."""

import io
import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

FOREIGN = "Only clients on this machine may send this request, to a loopback address and not from another site's page."


class RequestStream(io.RawIOBase):
    """Reads requests from a connection. Once a request has begun, all of it has to come within some seconds.

    Raises TimeoutError, also where no request begins within `idle` seconds.
    """

    def __init__(self, connection: socket.socket, seconds: float, idle: float) -> None:
        self._connection, self._seconds, self._idle = connection, seconds, idle
        self._until: float | None = None

    def next_request(self) -> None:
        """Wait for a further request."""
        self._until = None

    def readable(self) -> bool:
        """See RawIOBase."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read some bytes; 0 where the client is done."""
        left = self._idle if self._until is None else self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        received = self._connection.recv_into(buffer)
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        # What is answered may take as long, whatever was left for the request.
        self._connection.settimeout(self._seconds)
        return received


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes through a page of another site, by headers whose names are in lower case.

    A page may send requests here, and by a name of its own that leads here read the answers too.
    """
    host, origin = headers.get("host"), headers.get("origin")
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return True
    return (host is not None and not is_loopback(f"//{host}")) or (origin is not None and not is_loopback(origin))


def is_loopback(url: str) -> bool:
    """Tell whether the host of an address is this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
