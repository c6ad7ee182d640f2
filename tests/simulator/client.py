"""Requests to a simulator through the standard library, so that nothing of ours is on the other side."""

import http.client
import json
from typing import Any

TRACK = "/open_api/v1.3/event/track/"
HASH = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"


def event(**changes: Any) -> dict[str, Any]:
    """A good event, with fields changed or (None) left out."""
    whole = {
        "event": "Purchase",
        "event_time": 1_790_000_000,
        "event_id": "e1",
        "user": {"email": HASH},
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def body(*events: Any, **changes: Any) -> dict[str, Any]:
    """A good request for these events, with root fields changed or (None) left out."""
    whole = {
        "event_source": "offline",
        "event_source_id": "7654321098765432109",
        "data": list(events),
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


class Caller:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def raw(
        self, content: bytes, *, method: str = "POST", path: str = TRACK, token: str | None = "t"
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} | ({"Access-Token": token} if token is not None else {})
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def send(self, request: dict[str, Any], **options: Any) -> tuple[int, int, str]:
        """HTTP status, code and message."""
        status, answer = self.raw(json.dumps(request).encode(), **options)
        envelope = json.loads(answer)
        assert set(envelope) == {"code", "message", "request_id", "data"}
        return status, envelope["code"], envelope["message"]
