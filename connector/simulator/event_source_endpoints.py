"""Event sources: `/offline/*` for event sets and `/pixel/list/` (agreed by several sources)."""

from datetime import UTC, datetime
from typing import Any

from connector.simulator.ad_accounts import MANAGE_EVENT_SETS, PIXELS, READ_EVENT_SETS
from connector.simulator.messages import Request, RequestRefused, Response, ok
from connector.simulator.parameters import Parameters, choice, json_body, paginate, require, string, strings
from connector.simulator.world import World

MAX_PIXEL_PAGE_SIZE = 20


def create_event_set(request: Request, world: World) -> Response:
    """Answer `POST /offline/create/`; the official SDK requires a description, so this does."""
    body = json_body(request)
    _authorize(request, body, world, MANAGE_EVENT_SETS)
    require(body, "name", "description")
    created_at = _format_now(world)
    created: dict[str, Any] = {
        "advertiser_id": string(body, "advertiser_id"), "event_set_id": world.next_id(), "name": string(body, "name"),
        "description": string(body, "description"), "auto_tracking": _flag(body, "auto_tracking"),
        "create_time": created_at, "update_time": created_at,
    }  # fmt: skip
    world.accounts.event_sets.append(created)
    world.accounts.allow(created["event_set_id"])
    return ok({"event_set_id": created["event_set_id"]})


def get_event_sets(request: Request, world: World) -> Response:
    """Answer `GET /offline/get/`: an advertiser's event sets, all or by ids or name."""
    parameters = request.parameters()
    _authorize(request, parameters, world, READ_EVENT_SETS, MANAGE_EVENT_SETS)
    ids, name = strings(parameters, "event_set_ids"), string(parameters, "name")
    event_sets = [
        one
        for one in world.accounts.event_sets_of(parameters["advertiser_id"], ids)
        if (not ids or one["event_set_id"] in ids) and (not name or one["name"] == name)
    ]
    return ok({"event_set_list": event_sets})


def update_event_set(request: Request, world: World) -> Response:
    """Answer `POST /offline/update/`: change the name or auto_tracking."""
    body = json_body(request)
    _authorize(request, body, world, MANAGE_EVENT_SETS)
    event_set = _find_event_set(body, world)
    if "name" not in body and "auto_tracking" not in body:
        raise RequestRefused(40012, "There is nothing to update.")
    event_set["name"] = string(body, "name", event_set["name"])
    event_set["auto_tracking"] = _flag(body, "auto_tracking", event_set["auto_tracking"])
    event_set["update_time"] = _format_now(world)
    return ok(event_set)


def delete_event_set(request: Request, world: World) -> Response:
    """Answer `POST /offline/delete/`: the event set accepts no events any more."""
    body = json_body(request)
    _authorize(request, body, world, MANAGE_EVENT_SETS)
    event_set = _find_event_set(body, world)
    world.accounts.event_sets.remove(event_set)
    world.accounts.forbid(event_set["event_set_id"])
    return ok()


def list_pixels(request: Request, world: World) -> Response:
    """Answer `GET /pixel/list/`: an advertiser's pixels, also by code, id or a part of the name."""
    parameters = request.parameters()
    _authorize(request, parameters, world, PIXELS)
    pixels = [
        one
        for one in world.accounts.pixels_of(parameters["advertiser_id"], parameters.get("code"))
        if parameters.get("code", one["pixel_code"]) == one["pixel_code"]
        and parameters.get("pixel_id", one["pixel_id"]) == one["pixel_id"]
        and parameters.get("name", "").lower() in one["pixel_name"].lower()
    ]
    if choice(parameters, "order_by", "EARLIEST_CREATE", "LATEST_CREATE") == "LATEST_CREATE":
        pixels.reverse()
    page, info = paginate(parameters, pixels, MAX_PIXEL_PAGE_SIZE)
    return ok({"pixels": [_pixel_json(one) for one in page], "page_info": info})


def _pixel_json(pixel: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in pixel.items() if key != "advertiser_id"}
    return {
        "pixel_category": "ONLINE_STORE",
        "pixel_setup_mode": "DEVELOPER",
        "partner_name": "",
        "events": [],
    } | fields


def _authorize(request: Request, parameters: Parameters, world: World, *scopes: int) -> None:
    token = world.accounts.authorize(request.token, *scopes)
    require(parameters, "advertiser_id")
    world.accounts.check_advertiser(token, string(parameters, "advertiser_id"))


def _find_event_set(body: Parameters, world: World) -> dict[str, Any]:
    """Return the event set. Raises RequestRefused with 40002, or 40007 if it does not exist."""
    require(body, "event_set_id")
    key = (string(body, "advertiser_id"), string(body, "event_set_id"))
    for event_set in world.accounts.event_sets:
        if (event_set["advertiser_id"], event_set["event_set_id"]) == key:
            return event_set
    raise RequestRefused(40007, f"The event set {key[1]} does not exist.")


def _flag(body: Parameters, name: str, default: bool = False) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise RequestRefused(40002, f"Invalid value for {name}: not a valid boolean.")
    return value


def _format_now(world: World) -> str:
    return datetime.fromtimestamp(world.clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")
