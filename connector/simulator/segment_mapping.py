"""`POST /segment/mapping/`: add identifiers to audiences or delete them. A request is accepted whole or not at all."""

from collections import Counter
from typing import Any, NamedTuple

from connector.simulator.ad_accounts import AUDIENCES, CHANGE_AUDIENCES
from connector.simulator.audience import Audience
from connector.simulator.fault_effects import code_and_message
from connector.simulator.messages import Request, RequestRefused, Response, ok
from connector.simulator.parameters import Parameters, choice, json_body, require, strings
from connector.simulator.pii_scan import digest_problem
from connector.simulator.world import World

DIGITS = {
    "EMAIL_SHA256": 64, "PHONE_SHA256": 64, "IDFA_SHA256": 64, "AAID_SHA256": 64, "IDFA_MD5": 32, "AAID_MD5": 32,
}  # fmt: skip


class Change(NamedTuple):
    """One identifier of one audience."""

    audience_id: str
    schema: str
    digest: bytes
    """Empty for an identifier that was not hashed, which is not stored."""


def map_segments(request: Request, world: World) -> Response:
    """Add the identifiers to the audiences, or delete them."""
    body = json_body(request)
    token = world.accounts.authorize(request.token, CHANGE_AUDIENCES, AUDIENCES)
    require(body, "advertiser_ids", "id_schema", "batch_data")
    advertisers, action = strings(body, "advertiser_ids"), choice(body, "action", "add", "delete")
    for advertiser in advertisers:
        world.accounts.check_advertiser(token, advertiser)
    violations: Counter[str] = Counter()
    changes = _parse_changes(body, world.strictness.mapping_rows, violations)
    audiences = _find_audiences(changes, advertisers, world)
    _apply_faults(request, changes, world)
    with world.lock:
        world.tally.violations.update(violations)
    if violations and world.strictness.unhashed == "refuse":
        raise RequestRefused(40062, "PII is not hashed.")
    with world.lock:
        _apply_changes(changes, audiences, advertisers, action, world)
    return ok()


def _apply_faults(request: Request, changes: list[Change], world: World) -> None:
    """Raise RequestRefused if a fault refuses an identifier: its `event_id` is a digest here, its `event` a schema."""
    if not world.faults.has_event_faults:
        return
    identifiers = [{"event": change.schema, "event_id": change.digest.hex()} for change in changes]
    hit = world.faults.next_event_fault(request, "", identifiers, world.clock())
    if hit is None:
        return
    with world.lock:
        world.tally.faults[hit.fault.kind] += 1
    code, message = code_and_message(hit.fault)
    raise RequestRefused(code, hit.fault.message or f"Invalid value for batch_data.{hit.index}: {message}")


def _apply_changes(
    changes: list[Change], audiences: dict[str, Audience], advertisers: list[str], action: str, world: World
) -> None:
    now = world.clock()
    for audience in audiences.values():
        audience.check_editable(now)
    before = sum(audience.size() for audience in audiences.values())
    for audience_id, schema, digest in changes:
        audiences[audience_id].change(action, schema, digest, advertisers)
    for audience in audiences.values():
        audience.record(now, action.upper())
        audience.record_size(now)
    world.tally.members += sum(audience.size() for audience in audiences.values()) - before


def _parse_changes(body: Parameters, most_rows: int, violations: Counter[str]) -> list[Change]:
    schemas, rows = _parse_schemas(body), body["batch_data"]
    if not isinstance(rows, list) or len(rows) > most_rows:
        raise RequestRefused(40002, f"Invalid value for batch_data: must be a list of at most {most_rows} rows.")
    changes = []
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(schemas):
            raise RequestRefused(
                40002, f"Invalid value for batch_data.{number}: must have an entry for each id_schema."
            )
        for column, (schema, entry) in enumerate(zip(schemas, row, strict=True)):
            if entry != {}:
                changes += _parse_entry(schema, entry, f"batch_data.{number}.{column}", violations)
    return changes


def _parse_schemas(body: Parameters) -> list[str]:
    schemas = [one.upper() for one in strings(body, "id_schema")]
    unknown = [one for one in schemas if one not in DIGITS]
    if unknown or len(set(schemas)) < len(schemas):
        raise RequestRefused(40002, f"Invalid value for id_schema: must be some of {', '.join(DIGITS)}, each once.")
    return schemas


def _parse_entry(schema: str, entry: Any, place: str, violations: Counter[str]) -> list[Change]:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise RequestRefused(40002, f"Invalid value for {place}.id: not a valid string.")
    ids = strings(entry, "audience_ids")
    if not ids:
        raise RequestRefused(40002, f"Missing required field(s): {place}.audience_ids.")
    problem = digest_problem(entry["id"], DIGITS[schema])
    if problem:
        violations[f"{schema} {problem}"] += 1
    digest = b"" if problem else bytes.fromhex(entry["id"])
    return [Change(one, schema, digest) for one in ids]


def _find_audiences(changes: list[Change], advertisers: list[str], world: World) -> dict[str, Audience]:
    """Return the audiences by id. Raises RequestRefused with 40002 for one of another advertiser."""
    ids = {change.audience_id for change in changes}
    audiences = {one: world.audiences[one] for one in ids if one in world.audiences}
    foreign = sorted(one for one in ids if one not in audiences or audiences[one].advertiser not in advertisers)
    if foreign:
        raise RequestRefused(40002, f"The audience {foreign[0]} does not belong to the advertiser.")
    return audiences
