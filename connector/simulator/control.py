"""`/_simulator/…`: what a test or a person asks of the simulator while it runs. Not TikTok's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from connector.clients import FOREIGN, is_foreign
from connector.errors import UsageError
from connector.simulator.accounts import SCOPES, Token
from connector.simulator.audience import Audience
from connector.simulator.fault_files import build
from connector.simulator.messages import NOT_FOUND, Refused, Request, Response
from connector.simulator.parameters import json_body, required, text, texts
from connector.simulator.paths import CONTROL
from connector.simulator.world import World

_LONGEST = 100 * 365 * 86_400
Control = Callable[[Request, World], object]


def control(request: Request, world: World) -> Response:
    """Carry out what is asked; 400 with `{"error": …}` for what cannot be, 403 for who may not ask."""
    if is_foreign(request.headers):
        return Response(403, json.dumps({"error": FOREIGN}).encode() + b"\n")
    command = _COMMANDS.get((request.method, request.path.removeprefix(CONTROL).rstrip("/")))
    if command is None:
        return NOT_FOUND
    try:
        status, answer = 200, command(request, world)
    except (UsageError, Refused) as error:
        status, answer = 400, {"error": str(error)}
    except json.JSONDecodeError:
        status, answer = 400, {"error": "The body is not JSON."}
    except RecursionError:
        status, answer = 400, {"error": "The body nests too deep."}
    except (TypeError, ValueError, OverflowError):
        status, answer = 400, {"error": "A value has the wrong type."}
    return Response(status, json.dumps(answer).encode() + b"\n")


def _tally(_: Request, world: World) -> object:
    return world.snapshot().as_json()


def _faults(_: Request, world: World) -> object:
    return [{key: value for key, value in asdict(one).items() if value is not None} for one in world.faults.active]


def _add_faults(request: Request, world: World) -> object:
    """The body is one fault or a list, each as an object or as text."""
    body = json.loads(request.body)
    world.faults.add([build(one) for one in (body if isinstance(body, list) else [body])])
    return _faults(request, world)


def _clear_faults(_: Request, world: World) -> object:
    world.faults.clear()
    return []


def _tokens(request: Request, world: World) -> object:
    """Tells of a token: `expires_in` in seconds (0: expired), `scopes`, `advertiser_ids`, `revoked`."""
    body = json_body(request)
    required(body, "token")
    lifetime = body.get("expires_in")
    world.accounts.tokens[text(body, "token")] = Token(
        None if lifetime is None else world.clock() + _seconds(lifetime),
        frozenset(map(int, body.get("scopes", SCOPES))),
        frozenset(texts(body, "advertiser_ids")) or None,
        bool(body.get("revoked")),
    )
    return {}


def _refresh_tokens(request: Request, world: World) -> object:
    """Tells of a refresh token: `expires_in` in seconds."""
    body = json_body(request)
    required(body, "token", "expires_in")
    world.accounts.refresh_tokens[text(body, "token")] = Token(world.clock() + _seconds(body["expires_in"]))
    return {}


def _event_sources(request: Request, world: World) -> object:
    """From now on tokens may write to these `event_source_ids` alone."""
    world.accounts.event_sources = frozenset(texts(json_body(request), "event_source_ids"))
    return {}


def _clock(request: Request, world: World) -> object:
    """`advance` by so many seconds."""
    world.ahead += _seconds(json_body(request).get("advance", 0))
    return {"now": world.clock()}


def _audiences(_: Request, world: World) -> object:
    with world.lock:
        return [_audience(one) for one in list(world.audiences.values())]


def _audience(one: Audience) -> Mapping[str, Any]:
    members = {schema: sorted(map(bytes.hex, digests)) for schema, digests in one.members.items()}
    return {"audience_id": one.audience_id, "name": one.name, "advertiser_id": one.advertiser, "members": members}


def _busy(request: Request, world: World) -> object:
    """The `audience_id` is being processed for so many `seconds`."""
    body = json_body(request)
    found = world.audiences.get(text(body, "audience_id"))
    if found is None:
        raise UsageError("There is no such audience.")
    found.busy_until = world.clock() + _seconds(body.get("seconds", 60))
    return {}


def _seconds(value: Any) -> float:
    """Raises ValueError for more than a hundred years, in which no clock goes."""
    if not abs(seconds := float(value)) < _LONGEST:
        raise ValueError(value)
    return seconds


def _forget(_: Request, world: World) -> object:
    with world.lock:
        world.forget()
    return {}


_COMMANDS: Mapping[tuple[str, str], Control] = {
    ("GET", "/tally"): _tally,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _add_faults,
    ("DELETE", "/faults"): _clear_faults,
    ("POST", "/tokens"): _tokens,
    ("POST", "/refresh_tokens"): _refresh_tokens,
    ("POST", "/event_sources"): _event_sources,
    ("POST", "/clock"): _clock,
    ("GET", "/audiences"): _audiences,
    ("POST", "/audiences/busy"): _busy,
    ("POST", "/forget"): _forget,
}
COMMANDS = tuple(_COMMANDS)
