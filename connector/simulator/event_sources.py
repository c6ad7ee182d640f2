"""Event sources: `/offline/*` for event sets and `/pixel/list/` (agreed by several sources)."""

from datetime import UTC, datetime
from typing import Any

from connector.simulator.accounts import MANAGE_EVENT_SETS, PIXELS, READ_EVENT_SETS
from connector.simulator.messages import Refused, Request, Response, ok
from connector.simulator.parameters import Given, chosen, json_body, paged, required, text, texts
from connector.simulator.world import World

LARGEST_PIXEL_PAGE = 20


def create_event_set(request: Request, world: World) -> Response:
    """`POST /offline/create/`; the official SDK requires a description, so this does."""
    body = json_body(request)
    _permit(request, body, world, MANAGE_EVENT_SETS)
    required(body, "name", "description")
    now = _now(world)
    created: dict[str, Any] = {
        "advertiser_id": text(body, "advertiser_id"), "event_set_id": world.new_id(), "name": text(body, "name"),
        "description": text(body, "description"), "auto_tracking": _flag(body, "auto_tracking"),
        "create_time": now, "update_time": now,
    }  # fmt: skip
    world.accounts.event_sets.append(created)
    world.accounts.allow(created["event_set_id"])
    return ok({"event_set_id": created["event_set_id"]})


def get_event_sets(request: Request, world: World) -> Response:
    """`GET /offline/get/`: all of an advertiser's, or those with the ids or the name."""
    given = request.parameters()
    _permit(request, given, world, READ_EVENT_SETS, MANAGE_EVENT_SETS)
    ids, name = texts(given, "event_set_ids"), text(given, "name")
    found = [
        one
        for one in world.accounts.event_sets_of(given["advertiser_id"], ids)
        if (not ids or one["event_set_id"] in ids) and (not name or one["name"] == name)
    ]
    return ok({"event_set_list": found})


def update_event_set(request: Request, world: World) -> Response:
    """`POST /offline/update/`: another name or auto_tracking."""
    body = json_body(request)
    _permit(request, body, world, MANAGE_EVENT_SETS)
    found = _event_set(body, world)
    if "name" not in body and "auto_tracking" not in body:
        raise Refused(40012, "There is nothing to update.")
    found["name"] = text(body, "name", found["name"])
    found["auto_tracking"] = _flag(body, "auto_tracking", found["auto_tracking"])
    found["update_time"] = _now(world)
    return ok(found)


def delete_event_set(request: Request, world: World) -> Response:
    """`POST /offline/delete/`: it takes no events from now on."""
    body = json_body(request)
    _permit(request, body, world, MANAGE_EVENT_SETS)
    found = _event_set(body, world)
    world.accounts.event_sets.remove(found)
    world.accounts.forbid(found["event_set_id"])
    return ok()


def pixels(request: Request, world: World) -> Response:
    """`GET /pixel/list/`: an advertiser's pixels, also by code, id or a part of the name."""
    given = request.parameters()
    _permit(request, given, world, PIXELS)
    found = [
        one
        for one in world.accounts.pixels_of(given["advertiser_id"], given.get("code"))
        if given.get("code", one["pixel_code"]) == one["pixel_code"]
        and given.get("pixel_id", one["pixel_id"]) == one["pixel_id"]
        and given.get("name", "").lower() in one["pixel_name"].lower()
    ]
    if chosen(given, "order_by", "EARLIEST_CREATE", "LATEST_CREATE") == "LATEST_CREATE":
        found.reverse()
    page, info = paged(given, found, LARGEST_PIXEL_PAGE)
    return ok({"pixels": [_pixel(one) for one in page], "page_info": info})


def _pixel(pixel: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in pixel.items() if key != "advertiser_id"}
    return {"pixel_category": "ONLINE_STORE", "pixel_setup_mode": "DEVELOPER", "partner_name": "", "events": []} | shown


def _permit(request: Request, given: Given, world: World, *scopes: int) -> None:
    token = world.accounts.permit(request.token, *scopes)
    required(given, "advertiser_id")
    world.accounts.serve(token, text(given, "advertiser_id"))


def _event_set(body: Given, world: World) -> dict[str, Any]:
    """Raises Refused with 40002 or, for one that is not there, 40007."""
    required(body, "event_set_id")
    wanted = (text(body, "advertiser_id"), text(body, "event_set_id"))
    for one in world.accounts.event_sets:
        if (one["advertiser_id"], one["event_set_id"]) == wanted:
            return one
    raise Refused(40007, f"The event set {wanted[1]} does not exist.")


def _flag(body: Given, name: str, default: bool = False) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Refused(40002, f"Invalid value for {name}: not a valid boolean.")
    return value


def _now(world: World) -> str:
    return datetime.fromtimestamp(world.clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")
