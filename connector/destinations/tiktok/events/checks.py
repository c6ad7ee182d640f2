"""Check an event source before anything is sent to it: token, ad account, event names, and one test event."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.config.project import Project
from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.destinations.checks import Check, CheckedDestination, Outcome
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.answers import THEN_RESUME
from connector.destinations.tiktok.checks import (
    ADVERTISER,
    EVENT_SOURCE,
    check_advertiser,
    check_event_source,
    check_token,
    run_check,
)
from connector.destinations.tiktok.endpoint import SIMULATOR
from connector.destinations.tiktok.event_sets import EventSetPlan
from connector.destinations.tiktok.events.event_set import delete_stale_id, manages_event_set, plan_changes, remote_key
from connector.destinations.tiktok.events.preflight import proof_key
from connector.destinations.tiktok.service import open_account, open_service
from connector.destinations.tiktok.settings import EventsSettings
from connector.errors import ConfigurationError
from connector.ledger.project_ledger import existing_ledger, ledger_of
from connector.observer import Silent

EVENT_NAME, WRITING = "event name", "writing"
TEST_EVENT_NAME = "Purchase"
"""The name of the test event if rows name their events."""


def check_events(project: Project, settings: EventsSettings, test_event_code: str | None) -> CheckedDestination:
    """Ask TikTok about the token, the ad account and the event source; with a code, send one test event."""
    with open_account(settings, project, policy=brief_policy(settings, attempts=4, seconds=30)) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return CheckedDestination([token, check_name_of_events(settings)])
        source, event_set_id, changes = _event_source(project, account, settings)
        advertiser = check_advertiser(account, settings, settings.advertiser_id, source, settings.event_source_id)
    writing = check_writing(project, settings, event_set_id, test_event_code)
    source = _weakened(source) if writing.outcome is Outcome.PASSED else source
    checks = [token, advertiser, source] if source.name != ADVERTISER else [token, source]
    return CheckedDestination([*checks, check_name_of_events(settings), writing], changes)


def check_name_of_events(destination: EventsSettings) -> Check:
    """Check the `fixed_event_name`."""
    name = destination.fixed_event_name
    if name is None:
        return Check(EVENT_NAME, Outcome.PASSED, "No `fixed_event_name`: each row names its own event.")
    if name in LEGACY_EVENTS:
        new = LEGACY_EVENTS[name]
        becomes = f"TikTok turns it into {new}" if new else "TikTok retires it in 2027"
        return Check(EVENT_NAME, Outcome.PASSED, f"{name} is one of TikTok's old names: {becomes}.")
    kind = "one of TikTok's standard events" if name in STANDARD_EVENTS else "one of `custom_events`"
    return Check(EVENT_NAME, Outcome.PASSED, f"{name} is {kind}.")


def check_writing(project: Project, destination: EventsSettings, event_set_id: str | None, code: str | None) -> Check:
    """Check that TikTok accepts an event by sending a test event; without a code, none is sent."""
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
    route, name = Route(destination.event_source, event_set_id), destination.fixed_event_name or TEST_EVENT_NAME
    batch = test_event_batch(route, name, datetime.now(UTC))
    repeat = RetryLoop(policy, AdaptiveLimiter(destination.requests_per_second))
    with open_service(destination, code, Silent(), project) as client:
        answer = repeat(lambda: client.attempt(batch))
    if answer.verdict is Verdict.ACCEPTED:
        with ledger_of(project) as ledger:
            ledger.remote_ids.store(proof_key(destination, project.target, route), route.resource_id)
        sentence = f"TikTok took one test event ({name}, code {code}); it shows under Test Events."
        return Check(WRITING, Outcome.PASSED, sentence)
    passing = answer.verdict in {Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN}
    outcome = Outcome.INCONCLUSIVE if passing else Outcome.FAILED
    return Check(WRITING, outcome, f"One test event was sent, and not taken. {answer.message.replace(THEN_RESUME, '')}")


def _weakened(source: Check) -> Check:
    """Weaken a failed check of an event source that accepted an event: another ad account may share it (inferred)."""
    if source.outcome is not Outcome.FAILED:
        return source
    sentence = f"{source.sentence} It takes events all the same: it may be another ad account's that shares it."
    return replace(source, outcome=Outcome.INCONCLUSIVE, sentence=sentence)


def _event_source(
    project: Project, account: AccountClient, destination: EventsSettings
) -> tuple[Check, str | None, list[str]]:
    """Return the check, the id of the event source (None: there is none yet), and the first changes of a run."""
    event_source_id, changes = destination.event_source_id, list[str]()
    route = Route(destination.event_source, event_source_id or "")
    check = check_event_source(account, destination.advertiser_id, route) if event_source_id else None
    if manages_event_set(destination) and (check is None or check.outcome is not Outcome.FAILED):
        plans: list[EventSetPlan] = []
        check = run_check(EVENT_SOURCE, lambda: _event_set(project, account, destination, plans))
        if not plans:
            return check, event_source_id, changes
        event_set, changes = plans[0].found, plans[0].changes
        event_source_id = event_set.event_set_id if event_set else None
        return check, event_source_id, changes
    if check is None:
        raise AssertionError("an event source with neither id nor name")
    return check, event_source_id, changes


def _event_set(
    project: Project, account: AccountClient, destination: EventsSettings, plans: list[EventSetPlan]
) -> Check:
    try:
        plan = plan_changes(project, account, destination)
    except ConfigurationError as error:
        return Check(EVENT_SOURCE, Outcome.FAILED, " ".join(problem.message for problem in error.problems))
    plans.append(plan)
    with existing_ledger(project) as ledger:
        if ledger and destination.api_url != SIMULATOR:
            delete_stale_id(ledger, remote_key(destination, project.target), plan)
    if plan.found:
        return Check(EVENT_SOURCE, Outcome.PASSED, f"The ad account has the offline event set {plan.found}.")
    name = destination.event_set_name
    return Check(EVENT_SOURCE, Outcome.PASSED, f'No offline event set is called "{name}" yet, so one can be created.')


TEST_EMAIL = "connector-test@example.com"
"""The domain is reserved for examples, so the address belongs to nobody."""


def test_event_batch(route: Route, event_name: str, now: datetime) -> Batch:
    """Return a batch of one event with a random id."""
    event: dict[str, Any] = {
        "event": event_name,
        "event_time": int(now.timestamp()),
        "event_id": f"connector-test-{token_hex(8)}",
        "user": {"email": sha256(TEST_EMAIL.encode()).hexdigest()},
        "properties": {"currency": "USD", "value": 1},
    }
    if route.resource_type == "web":
        event["page"] = {"url": "https://example.com/"}
    return Batch(0, route, 1, 1, json.dumps(event, separators=(",", ":")).encode())
