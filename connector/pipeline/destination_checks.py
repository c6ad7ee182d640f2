"""Whether a destination can be written to, asked before anything is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.config.destination import AnyDestination, AudienceDestination, EventsDestination
from connector.config.project import Project
from connector.delivery.answer import Verdict
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.repeating import Repeating
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.checks import (
    ADVERTISER,
    EVENT_SOURCE,
    Check,
    Outcome,
    advertisers_of,
    check_audiences,
    check_event_source,
    check_listed,
    check_token,
    checked,
)
from connector.destinations.tiktok.endpoint import app_of
from connector.destinations.tiktok.event_sets import Intended
from connector.destinations.tiktok.trial import trial_batch
from connector.errors import ConfigurationError
from connector.pipeline.event_set import MOMENTS, forget_what_is_gone, is_wanted, look_for, place_of
from connector.pipeline.history import known_ledger
from connector.pipeline.observer import Silent
from connector.pipeline.prepare import check_event_name
from connector.pipeline.run import refuse_blank_code
from connector.pipeline.service import open_account, open_service
from connector.route import Route
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

EVENT_NAME, WRITING = "event name", "writing"
TRIAL_EVENT = "Purchase"
"""What is sent to try where rows name their events."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What was found of a destination; `changes` is what a run would do to the ad account first."""

    destination: str
    type: str
    target: str
    api_url: str
    checks: list[Check]
    changes: list[str]

    @property
    def outcome(self) -> Outcome:
        """Failed where one check failed, else inconclusive where one stayed open."""
        outcomes = {check.outcome for check in self.checks}
        return next((one for one in (Outcome.FAILED, Outcome.INCONCLUSIVE) if one in outcomes), Outcome.PASSED)

    def as_json(self) -> dict[str, Any]:
        """The object that `connector destinations test --json` prints."""
        return {
            "destination": self.destination,
            "type": self.type,
            "target": self.target,
            "api_url": self.api_url,
            "outcome": self.outcome.value,
            "checks": [
                {"check": one.name, "outcome": one.outcome.value, "sentence": one.sentence} for one in self.checks
            ],
            "changes": self.changes,
        }


def tested_destination(project: Project, name: str, test_event_code: str | None = None) -> Tested:
    """Asks TikTok about a destination; with a test event code one test event is sent to it.

    Raises ConfigurationError where the settings cannot be right, UsageError for a code that is none.
    """
    refuse_blank_code(test_event_code)
    destination = project.destination(name)
    if isinstance(destination, AudienceDestination):
        return _tested(project, destination, _of_audience(project, destination), [])
    check_event_name(project, destination)
    with open_account(destination, project.state_directory, policy=MOMENTS) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return _tested(project, destination, [token, _event_name(destination)], [])
        source, event_set_id, changes = _event_source(project, account, destination)
        advertiser = _advertiser(account, destination, destination.advertiser_id, source)
    checks = [token, advertiser, source] if source.name != ADVERTISER else [token, source]
    checks += [_event_name(destination), _writing(project, destination, event_set_id, test_event_code)]
    return _tested(project, destination, checks, changes)


def _tested(project: Project, destination: AnyDestination, checks: list[Check], changes: list[str]) -> Tested:
    return Tested(destination.name, destination.type, project.target, destination.api_url, checks, changes)


def _of_audience(project: Project, destination: AudienceDestination) -> list[Check]:
    with open_account(destination, project.state_directory, policy=MOMENTS) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return [token]
        asked = [(one, check_audiences(account, one)) for one in destination.advertiser_ids]
        return [token, *(_advertiser(account, destination, one, check) for one, check in asked)]


def _event_source(
    project: Project, account: AccountClient, destination: EventsDestination
) -> tuple[Check, str | None, list[str]]:
    """The check, the id of the event source (None: there is none yet), and what a run would change first."""
    known, changes = destination.event_source_id, list[str]()
    if is_wanted(destination):
        found: list[Intended] = []
        check = checked(EVENT_SOURCE, lambda: _event_set(project, account, destination, found))
        if not found:
            return check, known, changes
        there, changes = found[0].found, found[0].changes
        known = there.event_set_id if there else None
        return check, known, changes
    route = Route(destination.event_source, known or "")
    return check_event_source(account, destination.advertiser_id, route), known, changes


def _event_set(
    project: Project, account: AccountClient, destination: EventsDestination, found: list[Intended]
) -> Check:
    try:
        here = look_for(project, account, destination)
    except ConfigurationError as error:
        return Check(EVENT_SOURCE, Outcome.FAILED, " ".join(one.message for one in error.problems))
    found.append(here)
    with known_ledger(project) as ledger:
        if ledger:
            forget_what_is_gone(ledger, place_of(destination, project.target), here)
    if here.found:
        return Check(EVENT_SOURCE, Outcome.PASSED, f"The ad account has the offline event set {here.found}.")
    name = destination.event_set_name
    return Check(EVENT_SOURCE, Outcome.PASSED, f'No offline event set is called "{name}" yet, so one can be created.')


def _advertiser(account: AccountClient, destination: AnyDestination, advertiser_id: str, accepted: Check) -> Check:
    """By the list of ad accounts, where the credential's app may have it; else by what TikTok said to another call."""
    listed = advertisers_of(account, app_of(destination.credential))
    if listed is not None:
        source = destination.event_source_id if isinstance(destination, EventsDestination) else None
        return check_listed(advertiser_id, listed, account, source)
    if accepted.name == ADVERTISER or accepted.outcome is Outcome.INCONCLUSIVE:
        return Check(ADVERTISER, accepted.outcome, accepted.sentence)
    return Check(ADVERTISER, Outcome.PASSED, f"TikTok answers the token about the ad account {advertiser_id}.")


def _event_name(destination: EventsDestination) -> Check:
    name = destination.fixed_event_name
    if name is None:
        return Check(EVENT_NAME, Outcome.PASSED, "There is no `fixed_event_name`: each row names its own event.")
    if name in LEGACY_EVENTS:
        new = LEGACY_EVENTS[name]
        becomes = f"TikTok turns it into {new}" if new else "TikTok retires it in 2027"
        return Check(EVENT_NAME, Outcome.PASSED, f"{name} is one of TikTok's old names: {becomes}.")
    kind = "one of TikTok's standard events" if name in STANDARD_EVENTS else "one of `custom_events`"
    return Check(EVENT_NAME, Outcome.PASSED, f"{name} is {kind}.")


def _writing(project: Project, destination: EventsDestination, event_set_id: str | None, code: str | None) -> Check:
    """Whether an event is taken. Only one that is sent shows it."""
    if event_set_id is None:
        return Check(WRITING, Outcome.INCONCLUSIVE, "There is nothing to write to yet.")
    if code is None:
        return Check(
            WRITING,
            Outcome.INCONCLUSIVE,
            "Only an event shows whether the token may write: `--test-event-code C` sends one, with the code of the "
            "Test Events tab in TikTok's Events Manager.",
        )
    route, name = Route(destination.event_source, event_set_id), destination.fixed_event_name or TRIAL_EVENT
    batch = trial_batch(route, name, datetime.now(UTC))
    repeat = Repeating(MOMENTS, AdaptiveLimiter(destination.requests_per_second))
    with open_service(destination, code, Silent(), project.state_directory) as client:
        answer = repeat(lambda: client.attempt(batch))
    if answer.verdict is Verdict.ACCEPTED:
        sentence = f"TikTok took one test event ({name}, code {code}); it shows under Test Events."
        return Check(WRITING, Outcome.PASSED, sentence)
    passing = answer.verdict in {Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN}
    outcome = Outcome.INCONCLUSIVE if passing else Outcome.FAILED
    return Check(WRITING, outcome, f"One test event was sent, and not taken. {answer.message}")
