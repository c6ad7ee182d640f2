"""Audiences: `/segment/*` and `/dmp/custom_audience/list|get/`.

Source: types of the official SDK and several vendors' code; what is refused in a mapping is inferred.
"""

from datetime import UTC, datetime
from typing import Any

from connector.simulator.accounts import AUDIENCES, CHANGE_AUDIENCES, READ_AUDIENCES
from connector.simulator.audience import Audience
from connector.simulator.messages import Refused, Request, Response, ok
from connector.simulator.parameters import Given, chosen, json_body, paged, required, text, texts
from connector.simulator.world import World

LONGEST_NAME = 70
MOST_AUDIENCES = 400
"""Of one ad account (two vendors)."""
LEAST_USABLE = 1_000
LARGEST_PAGE = 100
MOST_IDS = 100


def audience(request: Request, world: World) -> Response:
    """`POST /segment/audience/`: create one (a longer name than 70 characters is cut) or delete one."""
    body = json_body(request)
    token = world.accounts.permit(request.token, CHANGE_AUDIENCES, AUDIENCES)
    required(body, "advertiser_id")
    world.accounts.serve(token, text(body, "advertiser_id"))
    if chosen(body, "action", "create", "delete") == "create":
        return ok({"audience_id": _create(body, world)})
    required(body, "delete_audience_id")
    found = _audience(text(body, "delete_audience_id"), [text(body, "advertiser_id")], world)
    found.check_editable(world.clock())
    del world.audiences[found.audience_id]
    return ok({"audience_id": found.audience_id})


def _create(body: Given, world: World) -> str:
    required(body, "custom_audience_name")
    name, advertiser = text(body, "custom_audience_name"), text(body, "advertiser_id")
    if sum(one.advertiser == advertiser for one in list(world.audiences.values())) >= MOST_AUDIENCES:
        raise Refused(40002, f"An ad account has at most {MOST_AUDIENCES} custom audiences.")
    cut = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
    made = Audience(world.new_id(), cut, advertiser, world.clock())
    made.note(world.clock(), "CREATE")
    world.audiences[made.audience_id] = made
    return made.audience_id


def _audience(audience_id: str, advertisers: list[str], world: World) -> Audience:
    """Raises Refused with 40002 for one that is not theirs."""
    found = world.audiences.get(audience_id)
    if found is None or found.advertiser not in advertisers:
        raise Refused(40002, f"The audience {audience_id} does not belong to the advertiser.")
    return found


def list_audiences(request: Request, world: World) -> Response:
    """`GET /dmp/custom_audience/list/`, a page at a time."""
    given, found = _asked(request, world)
    page, info = paged(given, [_details(one, world) for one in found], LARGEST_PAGE)
    return ok({"list": page, "page_info": info})


def get_audiences(request: Request, world: World) -> Response:
    """`GET /dmp/custom_audience/get/`: details and history of some."""
    given, found = _asked(request, world)
    required(given, "custom_audience_ids")
    listed = [{"audience_details": _details(one, world), "audience_history": _history(one)} for one in found]
    return ok({"list": listed})


def _asked(request: Request, world: World) -> tuple[Given, list[Audience]]:
    given = request.parameters()
    token = world.accounts.permit(request.token, READ_AUDIENCES, AUDIENCES)
    required(given, "advertiser_id")
    advertiser = text(given, "advertiser_id")
    world.accounts.serve(token, advertiser)
    ids = texts(given, "custom_audience_ids")
    if len(ids) > MOST_IDS:
        raise Refused(40011, f"At most {MOST_IDS} custom_audience_ids are allowed.")
    own = [one for one in list(world.audiences.values()) if one.advertiser == advertiser]
    return given, [one for one in own if not ids or one.audience_id in ids]


def _details(one: Audience, world: World) -> dict[str, Any]:
    size = one.shown_size(world.clock())
    return {
        "audience_id": one.audience_id, "name": one.name, "audience_type": "PARTNER_AUDIENCE", "type": "Partner",
        "audience_sub_type": "NORMAL", "calculate_type": None, "cover_num": size, "is_valid": size >= LEAST_USABLE,
        "is_expiring": False, "is_creator": True, "shared": False, "create_time": _time(one.created),
        "expired_time": _time(one.created + 365 * 24 * 3_600), "msg": "", "error_msg": "",
    }  # fmt: skip


def _history(one: Audience) -> list[dict[str, str]]:
    return [
        {"action": what, "action_detail": "", "editor": "simulated", "msg": "", "opt_time": _time(at)}
        for at, what in one.history
    ]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
