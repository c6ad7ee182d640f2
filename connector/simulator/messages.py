"""HTTP requests, responses, TikTok's envelope and its paths."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl

API = "/open_api/v1.3"
EVENT_TRACK = f"{API}/event/track/"
CONTROL = "/_simulator"
"""Not TikTok's: what a test or a person asks of the simulator while it runs."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in lower case, `path` without the query."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: str = ""

    @property
    def token(self) -> str:
        """The access token, or an empty string."""
        return self.headers.get("access-token", "")

    def parameters(self) -> dict[str, str]:
        """Parse the query's parameters; the last one wins if a name is repeated."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


class Delivery(Enum):
    """How the response is delivered, or not."""

    SENT = "sent"
    CLOSED = "closed"
    """The connection is closed without an answer."""
    RESET = "reset"
    """The connection is torn down (RST) without an answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes
    content_type: str = "application/json"
    code: int | None = None
    """The envelope's code; None without an envelope."""
    delay: float = 0.0
    """Seconds to wait before sending it."""
    delivery: Delivery = Delivery.SENT
    log_id: str = ""
    """For the header X-Tt-Logid, which TikTok's answers carry."""


class RequestRefused(Exception):
    """A request that is not carried out: the envelope's code and message."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


_REQUEST_ID_PREFIX = token_hex(8).upper()
_REQUEST_NUMBERS = count(1)

NOT_FOUND = Response(404, b"404 page not found", "text/plain; charset=utf-8")
"""The gateway's answer to a wrong path or a missing slash: no envelope (agreed by several sources)."""


def envelope(status: int, code: int, message: str, data: Mapping[str, Any] | None = None) -> Response:
    """Build TikTok's answer: `{"code", "message", "request_id", "data"}`."""
    request_id = f"{_REQUEST_ID_PREFIX}{next(_REQUEST_NUMBERS):016X}"
    body = {"code": code, "message": message, "request_id": request_id, "data": data or {}}
    return Response(status, json.dumps(body).encode(), code=code, log_id=request_id)


def ok(data: Mapping[str, Any] | None = None) -> Response:
    """Build the answer to an accepted request."""
    return envelope(200, 0, "OK", data)
