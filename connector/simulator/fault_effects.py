"""The effect of each kind of fault on the answer to a request."""

from collections.abc import Callable
from dataclasses import replace

from connector.simulator.faults import Fault
from connector.simulator.messages import Delivery, Response, envelope

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

Answer = Callable[[], Response]
Effect = Callable[[Fault, Answer], Response]

EVENT_STATUSES = {40001: 200, 40100: 401, 40102: 401, 40104: 401, 40105: 401, 40002: 400, 40062: 400}
"""HTTP statuses of `/event/track/`: 40002, 40100 and 40104 by one good source each, the others by likeness. Of
every other code it is 200, as at all other endpoints."""

KINDS: dict[str, str] = {
    "throttle": "too many requests: code 40100; `rate=N` only above N a second",
    "error": "a system error: code 50000 with HTTP 500",
    "html": "a gateway's HTML page with HTTP 502",
    "lost": "the request is carried out, and the connection closed without an answer",
    "reset": "the connection is torn down, nothing is carried out",
    "slow": "the request is carried out, and the answer comes after `seconds`",
    "expired_token": "code 40102; the token stays expired, a new one is taken",
    "revoked_token": "code 40105; the token stays revoked, a new one is taken",
    "refuse": "code 40002 for events with that `event_id` (`*` allowed), `event`, `field` and `value`, or `share`",
    "no_permission": "code 40001 for one `event_source_id`",
    "code": "any `code`, with `status` and `message`",
}
"""Kinds of faults, and what they do unless `code`, `status` and `message` say otherwise."""

_CODES = {
    "throttle": (40100, "Too many requests. Please retry in some time."),
    "expired_token": (40102, "Access token has expired."),
    "revoked_token": (40105, "Access token is incorrect or has been revoked."),
    "error": (50000, "System error"),
    "refuse": (40002, "the event is refused."),
    "no_permission": (
        40001,
        "No permission to operate event source: {}. You must be an admin or operator of this advertiser account.",
    ),
    "code": (40000, "Invalid parameters"),
}


def apply_fault(fault: Fault, answer: Answer, *, events: bool, real_statuses: bool) -> Response:
    """Turn the regular answer into the faulty one; `events` is true for the endpoint for events."""
    if fault.kind == "html":
        return Response(fault.status or 502, fault.message.encode() if fault.message else BAD_GATEWAY, "text/html")
    if fault.kind == "lost":
        return replace(answer(), delivery=Delivery.CLOSED)
    if fault.kind == "reset":
        return Response(0, b"", delivery=Delivery.RESET)
    if fault.kind == "slow":
        return replace(answer(), delay=fault.seconds)
    code, message = code_and_message(fault)
    default_status = 500 if fault.kind == "error" else http_status(code, events=events, real_statuses=real_statuses)
    return envelope(fault.status or default_status, code, message)


def code_and_message(fault: Fault) -> tuple[int, str]:
    """Return the code and message of a fault that has them."""
    code, message = _CODES[fault.kind]
    return fault.code or code, fault.message or message.format(fault.event_source_id or "")


def http_status(code: int, *, events: bool, real_statuses: bool) -> int:
    """Return the HTTP status of a code."""
    return EVENT_STATUSES.get(code, 200) if events and real_statuses else 200
