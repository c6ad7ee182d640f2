"""Requests, responses and TikTok's envelope."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl


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
        """The access token; empty where there is none."""
        return self.headers.get("access-token", "")

    def parameters(self) -> dict[str, str]:
        """The query's parameters; of one that is given twice the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


class Ending(Enum):
    """How an answer leaves, or does not."""

    SENT = "sent"
    CLOSED = "closed"
    """The connection is closed without an answer."""
    RESET = "reset"
    """The connection is torn down (RST) without an answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. `code` is the envelope's, None where there is no envelope; `delay` is in seconds."""

    status: int
    body: bytes
    content_type: str = "application/json"
    code: int | None = None
    delay: float = 0.0
    ending: Ending = Ending.SENT
    log_id: str = ""
    """For the header X-Tt-Logid, which TikTok's answers carry."""


class Refused(Exception):
    """A request that is not carried out: the envelope's code and message."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


_START = token_hex(8).upper()
_NUMBERS = count(1)

NOT_FOUND = Response(404, b"404 page not found", "text/plain; charset=utf-8")
"""What TikTok's gateway says for a wrong path or a missing slash: no envelope (agreed by several sources)."""


def envelope(status: int, code: int, message: str, data: Mapping[str, Any] | None = None) -> Response:
    """TikTok's answer: `{"code", "message", "request_id", "data"}`."""
    request_id = f"{_START}{next(_NUMBERS):016X}"
    body = {"code": code, "message": message, "request_id": request_id, "data": data or {}}
    return Response(status, json.dumps(body).encode(), code=code, log_id=request_id)


def ok(data: Mapping[str, Any] | None = None) -> Response:
    """The answer to what was carried out."""
    return envelope(200, 0, "OK", data)
