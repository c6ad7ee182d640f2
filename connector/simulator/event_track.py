"""`POST /open_api/v1.3/event/track/`: all events of a request are accepted, or none.

The token is checked before the body unless the strictness says otherwise; TikTok's own order is unknown.
"""

import msgspec

from connector.simulator.ad_accounts import REPORT_EVENTS
from connector.simulator.error_messages import invalid_field
from connector.simulator.fault_effects import apply_fault, code_and_message, http_status
from connector.simulator.fault_schedule import FaultHit
from connector.simulator.ingest import ingest_events
from connector.simulator.messages import Request, RequestRefused, Response, envelope, ok
from connector.simulator.payload_checks import PayloadReport, check_payload
from connector.simulator.request_body import TrackBody, parse_body
from connector.simulator.world import World


def track(request: Request, world: World) -> Response:
    """Accept the events or refuse all of them."""
    if world.strictness.check_first == "token":
        world.accounts.authorize(request.token, REPORT_EVENTS)
    body = parse_body(request.body, world.strictness)
    world.accounts.authorize(request.token, REPORT_EVENTS)
    world.accounts.check_event_source(body.event_source, body.event_source_id)
    report = check_payload(body, world)
    _record_findings(report, world)
    hit = _find_fault(request, body, world)
    return _answer_fault(hit, body, report, world) if hit else _accept(body, report, world)


def _record_findings(report: PayloadReport, world: World) -> None:
    """Count the violations, accepted or not. Raises RequestRefused if the strictness says so."""
    if report.violations:
        with world.lock:
            world.tally.violations.update(report.violations)
    if report.unhashed and world.strictness.unhashed == "refuse":
        raise RequestRefused(40062, "PII is not hashed.")
    if report.doubt and world.strictness.doubtful == "refuse":
        place, field, problem = report.doubt
        raise RequestRefused(40002, invalid_field(place, field, f"{problem}.", world.strictness))


def _find_fault(request: Request, body: TrackBody, world: World) -> FaultHit | None:
    if not world.faults.has_event_faults:
        return None
    return world.faults.next_event_fault(request, body.event_source_id, msgspec.json.decode(body.data()), world.clock())


def _answer_fault(hit: FaultHit, body: TrackBody, report: PayloadReport, world: World) -> Response:
    with world.lock:
        world.tally.faults[hit.fault.kind] += 1
    real_statuses = world.strictness.statuses == "real"
    if hit.fault.kind != "refuse":
        return apply_fault(hit.fault, lambda: _accept(body, report, world), events=True, real_statuses=real_statuses)
    code, message = code_and_message(hit.fault)
    field = hit.fault.field or ("event" if hit.fault.event else "event_id")
    text = hit.fault.message or invalid_field(hit.index, field, message, world.strictness)
    return envelope(hit.fault.status or http_status(code, events=True, real_statuses=real_statuses), code, text)


def _accept(body: TrackBody, report: PayloadReport, world: World) -> Response:
    ingest_events(body, report, world)
    return ok()
