"""Which call goes where, and what every call has in common."""

from collections.abc import Callable, Mapping

from connector.simulator import audiences, event_sources, mapping, oauth
from connector.simulator.accounts import Token
from connector.simulator.conduct import spoil, status_of
from connector.simulator.control import control
from connector.simulator.events import track
from connector.simulator.faults import Fault
from connector.simulator.messages import NOT_FOUND, Refused, Request, Response, envelope
from connector.simulator.paths import API, CONTROL, EVENT_TRACK
from connector.simulator.wording import NO_JSON
from connector.simulator.world import World

Handler = Callable[[Request, World], Response]

_CALLS: Mapping[tuple[str, str], Handler] = {
    ("POST", "/event/track/"): track,
    ("POST", "/segment/audience/"): audiences.audience,
    ("POST", "/segment/mapping/"): mapping.mapping,
    ("GET", "/dmp/custom_audience/list/"): audiences.list_audiences,
    ("GET", "/dmp/custom_audience/get/"): audiences.get_audiences,
    ("POST", "/offline/create/"): event_sources.create_event_set,
    ("GET", "/offline/get/"): event_sources.get_event_sets,
    ("POST", "/offline/update/"): event_sources.update_event_set,
    ("POST", "/offline/delete/"): event_sources.delete_event_set,
    ("GET", "/pixel/list/"): event_sources.pixels,
    ("POST", "/oauth2/access_token/"): oauth.access_token,
    ("POST", "/oauth2/refresh_token/"): oauth.refresh_token,
    ("POST", "/tt_user/oauth2/refresh_token/"): oauth.refresh_token,
    ("POST", "/oauth2/revoke_token/"): oauth.revoke_token,
    ("GET", "/oauth2/advertiser/get/"): oauth.advertisers,
    ("GET", "/user/info/"): oauth.user_info,
}
CALLS = {(method, f"{API}{path}"): handler for (method, path), handler in _CALLS.items()}
PATHS = frozenset(path for _, path in CALLS)


def answer(request: Request, world: World) -> Response:
    """Answer one request as TikTok's gateway does: by path and method, or not at all."""
    if request.path.startswith(CONTROL):
        return control(request, world)
    handler = CALLS.get((request.method, request.path))
    response = _elsewhere(request) if handler is None else _met(request, handler, world)
    world.count_answer(response)
    return response


def _elsewhere(request: Request) -> Response:
    """Versions before 1.3 are retired: a call to one fails, with which code is inferred."""
    for retired in ("v1.0", "v1.1", "v1.2"):
        current = request.path.replace(f"/open_api/{retired}/", f"{API}/", 1)
        if current != request.path and current in PATHS:
            return envelope(200, 40006, f"The API version {retired} is not supported any more.")
    return NOT_FOUND


def _met(request: Request, handler: Handler, world: World) -> Response:
    """The answer of a call that there is, or what a fault makes of it."""
    fault = world.faults.strike(request, world.clock())
    with world.lock:
        world.tally.endpoints[request.path] += 1
        if fault:
            world.tally.faults[fault.kind] += 1
    events, real = request.path == EVENT_TRACK, world.strictness.statuses == "real"
    if fault:
        _kill_token(fault, request, world)
        return spoil(fault, lambda: _handled(request, handler, world), events=events, real_statuses=real)
    return _handled(request, handler, world)


def _handled(request: Request, handler: Handler, world: World) -> Response:
    try:
        if world.strictness.rates == "enforced":
            with world.lock:
                world.rates.count(request.path, world.clock())
        return handler(request, world)
    except Refused as refused:
        return _refusal(refused, request, world)
    except RecursionError:
        return _refusal(Refused(40002, NO_JSON), request, world)


def _refusal(refused: Refused, request: Request, world: World) -> Response:
    real = world.strictness.statuses == "real"
    status = status_of(refused.code, events=request.path == EVENT_TRACK, real_statuses=real)
    return envelope(status, refused.code, refused.message)


def _kill_token(fault: Fault, request: Request, world: World) -> None:
    """A token that was called expired or revoked stays so; a new one is taken."""
    if fault.kind == "expired_token":
        world.accounts.tokens[request.token] = Token(ends=world.clock())
    elif fault.kind == "revoked_token":
        world.accounts.tokens[request.token] = Token(revoked=True)
