"""`POST /open_api/v1.3/event/track/`: all events of a request are taken, or none.

The token is looked at before the body unless the strictness says otherwise; which comes first at TikTok
is unknown.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from connector.simulator.accounts import REPORT_EVENTS
from connector.simulator.conduct import coded, spoil, status_of
from connector.simulator.examination import Examined, examine
from connector.simulator.faults import Hit
from connector.simulator.messages import Refused, Request, Response, envelope, ok
from connector.simulator.shapes import EVENT_SOURCES, Shape, shape
from connector.simulator.taking import take
from connector.simulator.wording import NO_DATA, NO_JSON, invalid, refusal
from connector.simulator.world import World

_DIGITS_ONLY = frozenset({"offline", "crm"})


class Root(msgspec.Struct):
    """The body around the events, which are parsed by the shape of their source."""

    event_source: Any = None
    event_source_id: Any = None
    test_event_code: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


_ROOT = msgspec.json.Decoder(Root)


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body, parsed. `data` is the JSON list of the events."""

    root: Root
    shape: Shape
    data: bytes
    events: list[Any]


def track(request: Request, world: World) -> Response:
    """Take the events or refuse all of them."""
    if world.strictness.check_first == "token":
        world.accounts.permit(request.token, REPORT_EVENTS)
    body = _read(request.body, world)
    world.accounts.permit(request.token, REPORT_EVENTS)
    world.accounts.write_to(body.root.event_source, body.root.event_source_id)
    examined = examine(request.body, body.data, body.events, body.shape, body.root.event_source, world)
    _report(examined, world)
    hit = _hit(request, body, world)
    return _spoilt(hit, body, examined, world) if hit else _take(body, examined, world)


def _read(body: bytes, world: World) -> Body:
    """Raises Refused with 40002 and TikTok's words for the first thing that is wrong."""
    try:
        root = _ROOT.decode(body)
    except (ValueError, RecursionError):
        raise Refused(40002, NO_JSON) from None
    if root.event_source not in EVENT_SOURCES:
        raise Refused(40002, "Invalid value for event_source: must be web, app or offline.")
    if not _is_source_id(root.event_source, root.event_source_id):
        raise Refused(40002, "Invalid value for event_source_id: not a valid string.")
    form, data = shape(root.event_source, world.strictness), bytes(root.data)
    try:
        return Body(root, form, data, form.events.decode(data))
    except (ValueError, RecursionError) as error:
        raise Refused(40002, refusal(error, data, world.strictness) if data else NO_DATA) from None


def _is_source_id(source: str, source_id: Any) -> bool:
    """Offline and CRM event sets have digits; a pixel's numeric id is taken for what it is, an unknown code."""
    return isinstance(source_id, str) and source_id != "" and (source not in _DIGITS_ONLY or source_id.isdecimal())


def _report(examined: Examined, world: World) -> None:
    """Count the violations, whatever becomes of the request. Raises Refused where the strictness says so."""
    if examined.violations:
        with world.lock:
            world.tally.violations.update(examined.violations)
    if examined.unhashed and world.strictness.unhashed == "refuse":
        raise Refused(40062, "PII is not hashed.")
    if examined.doubt and world.strictness.doubtful == "refuse":
        place, field, what = examined.doubt
        raise Refused(40002, invalid(place, field, f"{what}.", world.strictness))


def _hit(request: Request, body: Body, world: World) -> Hit | None:
    if not world.faults.look_inside:
        return None
    return world.faults.strike_inside(request, body.root.event_source_id, msgspec.json.decode(body.data), world.clock())


def _spoilt(hit: Hit, body: Body, examined: Examined, world: World) -> Response:
    with world.lock:
        world.tally.faults[hit.fault.kind] += 1
    real = world.strictness.statuses == "real"
    if hit.fault.kind != "refuse":
        return spoil(hit.fault, lambda: _take(body, examined, world), events=True, real_statuses=real)
    code, message = coded(hit.fault)
    field = hit.fault.field or ("event_id" if hit.fault.event_id else "event")
    said = hit.fault.message or invalid(hit.index, field, message, world.strictness)
    return envelope(hit.fault.status or status_of(code, events=True, real_statuses=real), code, said)


def _take(body: Body, examined: Examined, world: World) -> Response:
    take(body.root, body.data, body.events, examined, world)
    return ok()
