"""Routing of requests to endpoints, with the faults and rate limits that all endpoints share."""

from collections.abc import Callable, Mapping

from connector.simulator import audience_endpoints, event_source_endpoints, segment_mapping, token_endpoints
from connector.simulator.ad_accounts import Token
from connector.simulator.control import control
from connector.simulator.error_messages import NO_JSON
from connector.simulator.event_track import track
from connector.simulator.fault_effects import apply_fault, http_status
from connector.simulator.faults import Fault
from connector.simulator.messages import (
    API,
    CONTROL,
    EVENT_TRACK,
    NOT_FOUND,
    Request,
    RequestRefused,
    Response,
    envelope,
)
from connector.simulator.world import World

Handler = Callable[[Request, World], Response]

_CALLS: Mapping[tuple[str, str], Handler] = {
    ("POST", "/event/track/"): track,
    ("POST", "/segment/audience/"): audience_endpoints.change_audience,
    ("POST", "/segment/mapping/"): segment_mapping.map_segments,
    ("GET", "/dmp/custom_audience/list/"): audience_endpoints.list_audiences,
    ("GET", "/dmp/custom_audience/get/"): audience_endpoints.get_audiences,
    ("POST", "/offline/create/"): event_source_endpoints.create_event_set,
    ("GET", "/offline/get/"): event_source_endpoints.get_event_sets,
    ("POST", "/offline/update/"): event_source_endpoints.update_event_set,
    ("POST", "/offline/delete/"): event_source_endpoints.delete_event_set,
    ("GET", "/pixel/list/"): event_source_endpoints.list_pixels,
    ("POST", "/oauth2/access_token/"): token_endpoints.exchange_code,
    ("POST", "/oauth2/refresh_token/"): token_endpoints.refresh_token,
    ("POST", "/tt_user/oauth2/refresh_token/"): token_endpoints.refresh_token,
    ("POST", "/oauth2/revoke_token/"): token_endpoints.revoke_token,
    ("GET", "/oauth2/advertiser/get/"): token_endpoints.list_advertisers,
    ("GET", "/user/info/"): token_endpoints.get_user,
}
CALLS = {(method, f"{API}{path}"): handler for (method, path), handler in _CALLS.items()}
PATHS = frozenset(path for _, path in CALLS)


def answer(request: Request, world: World) -> Response:
    """Answer one request by path and method, as TikTok's gateway does."""
    if request.path.startswith(CONTROL):
        return control(request, world)
    handler = CALLS.get((request.method, request.path))
    response = _answer_unknown_path(request) if handler is None else _answer_known_path(request, handler, world)
    world.count_answer(response)
    return response


def _answer_unknown_path(request: Request) -> Response:
    """Answer 404, or 40006 for API versions before 1.3, which are retired (the code is inferred)."""
    for retired in ("v1.0", "v1.1", "v1.2"):
        current = request.path.replace(f"/open_api/{retired}/", f"{API}/", 1)
        if current != request.path and current in PATHS:
            return envelope(200, 40006, f"The API version {retired} is not supported any more.")
    return NOT_FOUND


def _answer_known_path(request: Request, handler: Handler, world: World) -> Response:
    """Answer a call to an existing endpoint, or apply a fault to the answer."""
    fault = world.faults.next_fault(request, world.clock())
    with world.lock:
        world.tally.endpoints[request.path] += 1
        if fault:
            world.tally.faults[fault.kind] += 1
    events, real_statuses = request.path == EVENT_TRACK, world.strictness.statuses == "real"
    if fault:
        _invalidate_token(fault, request, world)
        return apply_fault(fault, lambda: _handle(request, handler, world), events=events, real_statuses=real_statuses)
    return _handle(request, handler, world)


def _handle(request: Request, handler: Handler, world: World) -> Response:
    try:
        if world.strictness.rates == "enforced":
            with world.lock:
                world.rates.count(request.path, world.clock())
        with world.open_audiences(request.path):
            return handler(request, world)
    except RequestRefused as refused:
        return _refusal_response(refused, request, world)
    except RecursionError:
        return _refusal_response(RequestRefused(40002, NO_JSON), request, world)


def _refusal_response(refused: RequestRefused, request: Request, world: World) -> Response:
    real_statuses = world.strictness.statuses == "real"
    status = http_status(refused.code, events=request.path == EVENT_TRACK, real_statuses=real_statuses)
    return envelope(status, refused.code, refused.message)


def _invalidate_token(fault: Fault, request: Request, world: World) -> None:
    """Expire or revoke a token for good if the fault says so; a new one is accepted."""
    if fault.kind == "expired_token":
        world.accounts.tokens[request.token] = Token(ends=world.clock())
    elif fault.kind == "revoked_token":
        world.accounts.tokens[request.token] = Token(revoked=True)
