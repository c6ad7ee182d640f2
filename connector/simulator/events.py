"""`POST /open_api/v1.3/event/track/`."""

from typing import Any

from pydantic_core import from_json

from connector.simulator.messages import Request, Response, envelope
from connector.simulator.rules import refusal, violations
from connector.simulator.tally import State

EVENT_TRACK = "/open_api/v1.3/event/track/"


def track(request: Request, state: State) -> Response:
    """Take the events or refuse all of them, as TikTok would; statuses are those seen live.

    The token is looked at before the body; which comes first at TikTok is unknown.
    """
    if not request.headers.get("access-token"):
        return envelope(401, 40104, "Access token is empty: please specify it in the Access-Token header.")
    body = _parse(request.body)
    problem = refusal(body)
    if problem:
        return envelope(400, 40002, problem)
    state.take(body, violations(body["data"]))
    return envelope(200, 0, "OK")


def _parse(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return None
