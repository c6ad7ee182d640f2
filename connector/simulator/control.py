"""Commands of tests and people to a running simulator, `/_simulator/…`. Not TikTok's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from connector.core.local_server import FOREIGN, is_foreign
from connector.errors import UsageError
from connector.simulator.ad_accounts import SCOPES, Token
from connector.simulator.audience import Audience
from connector.simulator.fault_files import build
from connector.simulator.messages import CONTROL, NOT_FOUND, Request, RequestRefused, Response
from connector.simulator.parameters import json_body, require, string, strings
from connector.simulator.world import World

_MAX_SECONDS = 100 * 365 * 86_400
Control = Callable[[Request, World], object]


def control(request: Request, world: World) -> Response:
    """Carry out a command; answer 400 with `{"error": …}` if it is invalid, 403 if the client may not ask."""
    if is_foreign(request.headers):
        return Response(403, json.dumps({"error": FOREIGN}).encode() + b"\n")
    command = _COMMANDS.get((request.method, request.path.removeprefix(CONTROL).rstrip("/")))
    if command is None:
        return NOT_FOUND
    try:
        status, content = 200, command(request, world)
    except (UsageError, RequestRefused) as error:
        status, content = 400, {"error": str(error)}
    except json.JSONDecodeError:
        status, content = 400, {"error": "The body is not JSON."}
    except RecursionError:
        status, content = 400, {"error": "The body nests too deep."}
    except (TypeError, ValueError, OverflowError):
        status, content = 400, {"error": "A value has the wrong type."}
    return Response(status, json.dumps(content).encode() + b"\n")


def _get_tally(_: Request, world: World) -> object:
    return world.snapshot().as_json()


def _list_faults(_: Request, world: World) -> object:
    return [{key: value for key, value in asdict(one).items() if value is not None} for one in world.faults.active]


def _add_faults(request: Request, world: World) -> object:
    """Add the faults of the body: one or a list, each as an object or as text."""
    body = json.loads(request.body)
    world.faults.add([build(one) for one in (body if isinstance(body, list) else [body])])
    return _list_faults(request, world)


def _clear_faults(_: Request, world: World) -> object:
    world.faults.clear()
    return []


def _set_token(request: Request, world: World) -> object:
    """Set a token: `expires_in` in seconds (0: expired), `scopes`, `advertiser_ids`, `revoked`."""
    body = json_body(request)
    require(body, "token")
    lifetime = body.get("expires_in")
    world.accounts.tokens[string(body, "token")] = Token(
        None if lifetime is None else world.clock() + _to_seconds(lifetime),
        frozenset(map(int, body.get("scopes", SCOPES))),
        frozenset(strings(body, "advertiser_ids")) or None,
        bool(body.get("revoked")),
    )
    return {}


def _set_refresh_token(request: Request, world: World) -> object:
    """Set a refresh token: `expires_in` in seconds."""
    body = json_body(request)
    require(body, "token", "expires_in")
    world.accounts.refresh_tokens[string(body, "token")] = Token(world.clock() + _to_seconds(body["expires_in"]))
    return {}


def _restrict_event_sources(request: Request, world: World) -> object:
    """Let tokens write to these `event_source_ids` only."""
    world.accounts.event_sources = frozenset(strings(json_body(request), "event_source_ids"))
    return {}


def _advance_clock(request: Request, world: World) -> object:
    """Advance the clock by `advance` seconds."""
    world.clock_offset += _to_seconds(json_body(request).get("advance", 0))
    return {"now": world.clock()}


def _list_audiences(_: Request, world: World) -> object:
    with world.lock:
        return [_audience_json(one) for one in list(world.audiences.values())]


def _audience_json(audience: Audience) -> Mapping[str, Any]:
    members = {schema: sorted(map(bytes.hex, digests)) for schema, digests in audience.members.items()}
    return {
        "audience_id": audience.audience_id,
        "name": audience.name,
        "advertiser_id": audience.advertiser,
        "members": members,
    }


def _lock_audience(request: Request, world: World) -> object:
    """Lock the `audience_id` for `seconds`, as if it were being processed."""
    body = json_body(request)
    audience = world.audiences.get(string(body, "audience_id"))
    if audience is None:
        raise UsageError("There is no such audience.")
    audience.locked_until = world.clock() + _to_seconds(body.get("seconds", 60))
    return {}


def _to_seconds(value: Any) -> float:
    """Convert a value to seconds. Raises ValueError for more than a hundred years, which no clock reaches."""
    if not abs(seconds := float(value)) < _MAX_SECONDS:
        raise ValueError(value)
    return seconds


def _reset_world(_: Request, world: World) -> object:
    with world.lock:
        world.reset()
    return {}


_COMMANDS: Mapping[tuple[str, str], Control] = {
    ("GET", "/tally"): _get_tally,
    ("GET", "/faults"): _list_faults,
    ("POST", "/faults"): _add_faults,
    ("DELETE", "/faults"): _clear_faults,
    ("POST", "/tokens"): _set_token,
    ("POST", "/refresh_tokens"): _set_refresh_token,
    ("POST", "/event_sources"): _restrict_event_sources,
    ("POST", "/clock"): _advance_clock,
    ("GET", "/audiences"): _list_audiences,
    ("POST", "/audiences/busy"): _lock_audience,
    ("POST", "/forget"): _reset_world,
}
COMMANDS = tuple(_COMMANDS)
