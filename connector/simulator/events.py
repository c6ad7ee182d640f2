"""`POST /open_api/v1.3/event/track/`: all events of a request are taken, or none.

The token is looked at before the body unless the strictness says otherwise; which comes first at TikTok
is unknown.
"""

import msgspec

from connector.simulator.accounts import REPORT_EVENTS
from connector.simulator.bodies import Body, read_body
from connector.simulator.conduct import coded, spoil, status_of
from connector.simulator.examination import Examined, examine
from connector.simulator.messages import Refused, Request, Response, envelope, ok
from connector.simulator.strikes import Hit
from connector.simulator.taking import take
from connector.simulator.wording import invalid
from connector.simulator.world import World


def track(request: Request, world: World) -> Response:
    """Take the events or refuse all of them."""
    if world.strictness.check_first == "token":
        world.accounts.permit(request.token, REPORT_EVENTS)
    body = read_body(request.body, world.strictness)
    world.accounts.permit(request.token, REPORT_EVENTS)
    world.accounts.write_to(body.event_source, body.event_source_id)
    examined = examine(body, world)
    _report(examined, world)
    hit = _hit(request, body, world)
    return _spoilt(hit, body, examined, world) if hit else _take(body, examined, world)


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
    return world.faults.strike_inside(request, body.event_source_id, msgspec.json.decode(body.data()), world.clock())


def _spoilt(hit: Hit, body: Body, examined: Examined, world: World) -> Response:
    with world.lock:
        world.tally.faults[hit.fault.kind] += 1
    real = world.strictness.statuses == "real"
    if hit.fault.kind != "refuse":
        return spoil(hit.fault, lambda: _take(body, examined, world), events=True, real_statuses=real)
    code, message = coded(hit.fault)
    field = hit.fault.field or ("event" if hit.fault.event else "event_id")
    said = hit.fault.message or invalid(hit.index, field, message, world.strictness)
    return envelope(hit.fault.status or status_of(code, events=True, real_statuses=real), code, said)


def _take(body: Body, examined: Examined, world: World) -> Response:
    take(body, examined, world)
    return ok()
