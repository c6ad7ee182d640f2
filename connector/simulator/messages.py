"""Requests, responses and TikTok's envelope."""

import json
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in lower case, `path` without the query."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. `code` is the envelope's, None where there is no envelope."""

    status: int
    body: bytes
    content_type: str = "application/json"
    code: int | None = None


_START = token_hex(8).upper()
_NUMBERS = count(1)

NOT_FOUND = Response(404, b"404 page not found", "text/plain; charset=utf-8")
"""What TikTok's gateway says for a wrong path or a missing slash: no envelope (agreed by several sources)."""


def envelope(status: int, code: int, message: str, data: dict[str, Any] | None = None) -> Response:
    """TikTok's answer: `{"code", "message", "request_id", "data"}`."""
    request_id = f"{_START}{next(_NUMBERS):016X}"
    body = {"code": code, "message": message, "request_id": request_id, "data": data or {}}
    return Response(status, json.dumps(body).encode(), code=code)
