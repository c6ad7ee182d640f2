"""`POST /segment/mapping/`: identifiers into audiences and out of them. A request is taken whole or not at all."""

from collections import Counter
from typing import Any, NamedTuple

from connector.simulator.accounts import AUDIENCES, CHANGE_AUDIENCES
from connector.simulator.audience import Audience
from connector.simulator.conduct import coded
from connector.simulator.digests import fault
from connector.simulator.messages import Refused, Request, Response, ok
from connector.simulator.parameters import Given, chosen, json_body, required, texts
from connector.simulator.world import World

DIGITS = {
    "EMAIL_SHA256": 64, "PHONE_SHA256": 64, "IDFA_SHA256": 64, "AAID_SHA256": 64, "IDFA_MD5": 32, "AAID_MD5": 32,
}  # fmt: skip


class Change(NamedTuple):
    """One identifier of one audience. `digest` is empty for what was not hashed, which is not kept."""

    audience_id: str
    schema: str
    digest: bytes


def mapping(request: Request, world: World) -> Response:
    """Add the identifiers to the audiences, or delete them."""
    body = json_body(request)
    token = world.accounts.permit(request.token, CHANGE_AUDIENCES, AUDIENCES)
    required(body, "advertiser_ids", "id_schema", "batch_data")
    advertisers, action = texts(body, "advertiser_ids"), chosen(body, "action", "add", "delete")
    for one in advertisers:
        world.accounts.serve(token, one)
    found: Counter[str] = Counter()
    changes = _changes(body, world.strictness.mapping_rows, found)
    audiences = _audiences(changes, advertisers, world)
    _strike(request, changes, world)
    with world.lock:
        world.tally.violations.update(found)
    if found and world.strictness.unhashed == "refuse":
        raise Refused(40062, "PII is not hashed.")
    with world.lock:
        _carry_out(changes, audiences, advertisers, action, world)
    return ok()


def _strike(request: Request, changes: list[Change], world: World) -> None:
    """Raises Refused where a fault refuses an identifier: its `event_id` is a digest here, its `event` a schema."""
    if not world.faults.look_inside:
        return
    identifiers = [{"event": change.schema, "event_id": change.digest.hex()} for change in changes]
    hit = world.faults.strike_inside(request, "", identifiers, world.clock())
    if hit is None:
        return
    with world.lock:
        world.tally.faults[hit.fault.kind] += 1
    code, message = coded(hit.fault)
    raise Refused(code, hit.fault.message or f"Invalid value for batch_data.{hit.index}: {message}")


def _carry_out(
    changes: list[Change], audiences: dict[str, Audience], advertisers: list[str], action: str, world: World
) -> None:
    now = world.clock()
    for one in audiences.values():
        one.check_editable(now)
    before = sum(one.size() for one in audiences.values())
    for audience_id, schema, digest in changes:
        audiences[audience_id].change(action, schema, digest, advertisers)
    for one in audiences.values():
        one.note(now, action.upper())
        one.measure(now)
    world.tally.members += sum(one.size() for one in audiences.values()) - before


def _changes(body: Given, most_rows: int, found: Counter[str]) -> list[Change]:
    schemas, rows = _schemas(body), body["batch_data"]
    if not isinstance(rows, list) or len(rows) > most_rows:
        raise Refused(40002, f"Invalid value for batch_data: must be a list of at most {most_rows} rows.")
    changes = []
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(schemas):
            raise Refused(40002, f"Invalid value for batch_data.{number}: must have an entry for each id_schema.")
        for place, (schema, entry) in enumerate(zip(schemas, row, strict=True)):
            if entry != {}:
                changes += _entry(schema, entry, f"batch_data.{number}.{place}", found)
    return changes


def _schemas(body: Given) -> list[str]:
    schemas = [one.upper() for one in texts(body, "id_schema")]
    unknown = [one for one in schemas if one not in DIGITS]
    if unknown or len(set(schemas)) < len(schemas):
        raise Refused(40002, f"Invalid value for id_schema: must be some of {', '.join(DIGITS)}, each once.")
    return schemas


def _entry(schema: str, entry: Any, place: str, found: Counter[str]) -> list[Change]:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise Refused(40002, f"Invalid value for {place}.id: not a valid string.")
    ids = texts(entry, "audience_ids")
    if not ids:
        raise Refused(40002, f"Missing required field(s): {place}.audience_ids.")
    wrong = fault(entry["id"], DIGITS[schema])
    if wrong:
        found[f"{schema} {wrong}"] += 1
    digest = b"" if wrong else bytes.fromhex(entry["id"])
    return [Change(one, schema, digest) for one in ids]


def _audiences(changes: list[Change], advertisers: list[str], world: World) -> dict[str, Audience]:
    """Raises Refused with 40002 for an audience of somebody else's."""
    named = {change.audience_id for change in changes}
    found = {one: world.audiences[one] for one in named if one in world.audiences}
    foreign = sorted(one for one in named if one not in found or found[one].advertiser not in advertisers)
    if foreign:
        raise Refused(40002, f"The audience {foreign[0]} does not belong to the advertiser.")
    return found
