"""Headers of every answer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # With no-referrer, browsers send `Origin: null` from the console's own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_STORE = "no-store"
_UNWANTED = {b"server"}


def with_headers(send: Send) -> Send:
    """Return a function that sends an answer with the headers of every answer; `no-store` unless it says otherwise."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in _UNWANTED]
            names = {name.lower() for name, _ in given}
            added = {**HEADERS, "cache-control": NO_STORE}
            missing = [(key.encode(), value.encode()) for key, value in added.items() if key.encode() not in names]
            message["headers"] = [*given, *missing]
        await send(message)

    return send_with_headers
