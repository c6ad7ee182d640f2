"""Checks of what a destination sends: the name of its events, and whether one is taken."""

from datetime import UTC, datetime

from connector.config.destination import EventsDestination
from connector.config.project import Project
from connector.delivery.answer import Verdict
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.repeating import Repeating
from connector.destinations.tiktok.answers import THEN_RESUME
from connector.destinations.tiktok.checks import Check, Outcome
from connector.destinations.tiktok.events.preflight import proof_of
from connector.destinations.tiktok.service import brief_policy, open_service
from connector.destinations.tiktok.trial import trial_batch
from connector.ledger.project_ledger import ledger_of
from connector.observer import Silent
from connector.route import Route
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

EVENT_NAME, WRITING = "event name", "writing"
TRIAL_EVENT = "Purchase"
"""What is sent to try where rows name their events."""


def check_name_of_events(destination: EventsDestination) -> Check:
    """Whose name the events have that rows do not name."""
    name = destination.fixed_event_name
    if name is None:
        return Check(EVENT_NAME, Outcome.PASSED, "No `fixed_event_name`: each row names its own event.")
    if name in LEGACY_EVENTS:
        new = LEGACY_EVENTS[name]
        becomes = f"TikTok turns it into {new}" if new else "TikTok retires it in 2027"
        return Check(EVENT_NAME, Outcome.PASSED, f"{name} is one of TikTok's old names: {becomes}.")
    kind = "one of TikTok's standard events" if name in STANDARD_EVENTS else "one of `custom_events`"
    return Check(EVENT_NAME, Outcome.PASSED, f"{name} is {kind}.")


def check_writing(
    project: Project, destination: EventsDestination, event_set_id: str | None, code: str | None
) -> Check:
    """Whether an event is taken. Only one that is sent shows it; without a code none is."""
    if event_set_id is None:
        return Check(WRITING, Outcome.INCONCLUSIVE, "There is nothing to write to yet.")
    if code is None:
        return Check(
            WRITING,
            Outcome.INCONCLUSIVE,
            "Only an event shows whether the token may write: `--test-event-code C` sends one, with the code of the "
            "Test Events tab in TikTok's Events Manager.",
        )
    policy = brief_policy(destination, attempts=4, seconds=30)
    route, name = Route(destination.event_source, event_set_id), destination.fixed_event_name or TRIAL_EVENT
    batch = trial_batch(route, name, datetime.now(UTC))
    repeat = Repeating(policy, AdaptiveLimiter(destination.requests_per_second))
    with open_service(destination, code, Silent(), project.state_directory) as client:
        answer = repeat(lambda: client.attempt(batch))
    if answer.verdict is Verdict.ACCEPTED:
        with ledger_of(project) as ledger:
            ledger.named.keep(proof_of(destination, project.target, route), route.resource_id)
        sentence = f"TikTok took one test event ({name}, code {code}); it shows under Test Events."
        return Check(WRITING, Outcome.PASSED, sentence)
    passing = answer.verdict in {Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN}
    outcome = Outcome.INCONCLUSIVE if passing else Outcome.FAILED
    return Check(WRITING, outcome, f"One test event was sent, and not taken. {answer.message.replace(THEN_RESUME, '')}")
