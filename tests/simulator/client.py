"""Requests to a simulator through the standard library, so that nothing of ours is on the other side."""

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

API = "/open_api/v1.3"
TRACK = f"{API}/event/track/"
HASH = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
OTHER_HASH = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
NOW = 1_790_000_000
ADVERTISER = "7654321098765432109"
PIXEL = "C4EXAMPLE0PIXEL0CODE"


def event(**changes: Any) -> dict[str, Any]:
    """A good event, with fields changed or (None) left out."""
    whole = {"event": "Purchase", "event_time": NOW, "event_id": "e1", "user": {"email": HASH}} | changes
    return {key: value for key, value in whole.items() if value is not None}


def web_event(**changes: Any) -> dict[str, Any]:
    """A good event of a website."""
    return event(**{"page": {"url": "https://shop.example/"}} | changes)


def body(*events: Any, **changes: Any) -> dict[str, Any]:
    """A good request for these events, with root fields changed or (None) left out."""
    whole = {"event_source": "offline", "event_source_id": ADVERTISER, "data": list(events)} | changes
    return {key: value for key, value in whole.items() if value is not None}


def web_body(*events: Any, **changes: Any) -> dict[str, Any]:
    """A good request for events of a website."""
    return body(*events, **{"event_source": "web", "event_source_id": PIXEL} | changes)


class Answer(NamedTuple):
    """HTTP status, the envelope's code and message, and its data."""

    status: int
    code: int
    message: str
    data: Any


class Clock:
    """Unix seconds, set by hand."""

    def __init__(self, seconds: float = NOW) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Caller:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def raw(
        self, content: bytes = b"", *, method: str = "POST", path: str = TRACK, token: str | None = "t"
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} | ({"Access-Token": token} if token is not None else {})
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def send(self, request: dict[str, Any], **options: Any) -> tuple[int, int, str]:
        """HTTP status, code and message of `/event/track/`."""
        return self.answer(json.dumps(request).encode(), **options)[:3]

    def answer(self, content: bytes = b"", **options: Any) -> Answer:
        status, said = self.raw(content, **options)
        envelope = json.loads(said)
        assert set(envelope) == {"code", "message", "request_id", "data"}
        return Answer(status, envelope["code"], envelope["message"], envelope["data"])

    def post(self, path: str, token: str | None = "t", /, **given: Any) -> Answer:
        return self.answer(json.dumps(given).encode(), path=API + path, token=token)

    def get(self, path: str, token: str | None = "t", /, **given: Any) -> Answer:
        return self.answer(method="GET", path=f"{API}{path}?{urlencode(given)}", token=token)

    def control(self, method: str, command: str, given: Any = None) -> Any:
        """What the control endpoint says; it has to be content."""
        status, said = self.raw(json.dumps(given).encode(), method=method, path=f"/_simulator/{command}")
        assert status == 200, said
        return json.loads(said)
