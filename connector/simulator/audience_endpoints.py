"""Audiences: `/segment/*` and `/dmp/custom_audience/list|get/`.

Source: types of the official SDK and several vendors' code; what is refused in a mapping is inferred.
"""

from datetime import UTC, datetime
from typing import Any

from connector.simulator.ad_accounts import AUDIENCES, CHANGE_AUDIENCES, READ_AUDIENCES
from connector.simulator.audience import Audience
from connector.simulator.messages import Request, RequestRefused, Response, ok
from connector.simulator.parameters import Parameters, choice, json_body, paginate, require, string, strings
from connector.simulator.world import World

MAX_NAME_LENGTH = 70
MAX_AUDIENCES = 400
"""Of one ad account (two vendors)."""
MIN_USABLE_SIZE = 1_000
MAX_PAGE_SIZE = 100
MAX_IDS = 100


def change_audience(request: Request, world: World) -> Response:
    """Answer `POST /segment/audience/`: create one (a longer name than 70 characters is cut) or delete one."""
    body = json_body(request)
    token = world.accounts.authorize(request.token, CHANGE_AUDIENCES, AUDIENCES)
    require(body, "advertiser_id")
    world.accounts.check_advertiser(token, string(body, "advertiser_id"))
    if choice(body, "action", "create", "delete") == "create":
        return ok({"audience_id": _create_audience(body, world)})
    require(body, "delete_audience_id")
    audience = _find_audience(string(body, "delete_audience_id"), [string(body, "advertiser_id")], world)
    audience.check_editable(world.clock())
    del world.audiences[audience.audience_id]
    return ok({"audience_id": audience.audience_id})


def _create_audience(body: Parameters, world: World) -> str:
    require(body, "custom_audience_name")
    name, advertiser = string(body, "custom_audience_name"), string(body, "advertiser_id")
    if sum(one.advertiser == advertiser for one in list(world.audiences.values())) >= MAX_AUDIENCES:
        raise RequestRefused(40002, f"An ad account has at most {MAX_AUDIENCES} custom audiences.")
    stored_name = name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 3]}..."
    changes = set[tuple[str, str, bytes]]() if world.is_stored else None
    audience = Audience(world.next_id(), stored_name, advertiser, world.clock(), changes=changes)
    audience.record(world.clock(), "CREATE")
    world.audiences[audience.audience_id] = audience
    return audience.audience_id


def _find_audience(audience_id: str, advertisers: list[str], world: World) -> Audience:
    """Return an audience of these advertisers. Raises RequestRefused with 40002 for any other."""
    audience = world.audiences.get(audience_id)
    if audience is None or audience.advertiser not in advertisers:
        raise RequestRefused(40002, f"The audience {audience_id} does not belong to the advertiser.")
    return audience


def list_audiences(request: Request, world: World) -> Response:
    """Answer `GET /dmp/custom_audience/list/`, one page at a time."""
    parameters, audiences = _query_audiences(request, world)
    page, info = paginate(parameters, [_audience_details(one, world) for one in audiences], MAX_PAGE_SIZE)
    return ok({"list": page, "page_info": info})


def get_audiences(request: Request, world: World) -> Response:
    """Answer `GET /dmp/custom_audience/get/`: details and history."""
    parameters, audiences = _query_audiences(request, world)
    require(parameters, "custom_audience_ids")
    entries = [
        {"audience_details": _audience_details(one, world), "audience_history": _audience_history(one)}
        for one in audiences
    ]
    return ok({"list": entries})


def _query_audiences(request: Request, world: World) -> tuple[Parameters, list[Audience]]:
    parameters = request.parameters()
    token = world.accounts.authorize(request.token, READ_AUDIENCES, AUDIENCES)
    require(parameters, "advertiser_id")
    advertiser = string(parameters, "advertiser_id")
    world.accounts.check_advertiser(token, advertiser)
    ids = strings(parameters, "custom_audience_ids")
    if len(ids) > MAX_IDS:
        raise RequestRefused(40011, f"At most {MAX_IDS} custom_audience_ids are allowed.")
    own = [one for one in list(world.audiences.values()) if one.advertiser == advertiser]
    return parameters, [one for one in own if not ids or one.audience_id in ids]


def _audience_details(audience: Audience, world: World) -> dict[str, Any]:
    size = audience.reported_size(world.clock())
    return {
        "audience_id": audience.audience_id, "name": audience.name, "audience_type": "PARTNER_AUDIENCE",
        "type": "Partner", "audience_sub_type": "NORMAL", "calculate_type": None,
        "cover_num": size, "is_valid": size >= MIN_USABLE_SIZE,
        "is_expiring": False, "is_creator": True, "shared": False, "create_time": _format_time(audience.created),
        "expired_time": _format_time(audience.created + 365 * 24 * 3_600), "msg": "", "error_msg": "",
    }  # fmt: skip


def _audience_history(audience: Audience) -> list[dict[str, str]]:
    return [
        {"action": action, "action_detail": "", "editor": "simulated", "msg": "", "opt_time": _format_time(at)}
        for at, action in audience.history
    ]


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
