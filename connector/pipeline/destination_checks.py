"""Whether a destination can be written to, asked before anything is."""

from dataclasses import dataclass, replace
from typing import Any

from connector.config.destination import AnyDestination, AudienceDestination, EventsDestination
from connector.config.project import Project
from connector.delivery.policy import RetryPolicy
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
from connector.destinations.tiktok.endpoint import SIMULATOR, app_of
from connector.destinations.tiktok.event_sets import Intended
from connector.destinations.tiktok.events.event_set import forget_what_is_gone, is_wanted, look_for, place_of
from connector.destinations.tiktok.service import brief_policy, open_account
from connector.errors import ConfigurationError
from connector.ledger.project_ledger import known_ledger
from connector.pipeline.event_checks import check_name_of_events, check_writing
from connector.route import Route
from connector.runs.access import check_destination
from connector.runs.job import check_event_name
from connector.runs.run import refuse_blank_code

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

    Raises ConfigurationError where the settings cannot be right, UsageError for a code that is none, AccessRefused.
    """
    refuse_blank_code(test_event_code)
    check_destination(project, name)
    destination = project.destination(name)
    if isinstance(destination, AudienceDestination):
        return _tested(project, destination, _of_audience(project, destination), [])
    check_event_name(project, destination)
    with open_account(destination, project.state_directory, policy=_moments(destination)) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return _tested(project, destination, [token, check_name_of_events(destination)], [])
        source, event_set_id, changes = _event_source(project, account, destination)
        advertiser = _advertiser(account, destination, destination.advertiser_id, source)
    writing = check_writing(project, destination, event_set_id, test_event_code)
    source = _all_the_same(source) if writing.outcome is Outcome.PASSED else source
    checks = [token, advertiser, source] if source.name != ADVERTISER else [token, source]
    checks += [check_name_of_events(destination), writing]
    return _tested(project, destination, checks, changes)


def _all_the_same(source: Check) -> Check:
    """What takes an event is there, though another ad account may share it (inferred)."""
    if source.outcome is not Outcome.FAILED:
        return source
    sentence = f"{source.sentence} It takes events all the same: it may be another ad account's that shares it."
    return replace(source, outcome=Outcome.INCONCLUSIVE, sentence=sentence)


def _moments(destination: AnyDestination) -> RetryPolicy:
    """Somebody waits for the answer."""
    return brief_policy(destination, attempts=4, seconds=30)


def _tested(project: Project, destination: AnyDestination, checks: list[Check], changes: list[str]) -> Tested:
    return Tested(destination.name, destination.type, project.target, destination.api_url, checks, changes)


def _of_audience(project: Project, destination: AudienceDestination) -> list[Check]:
    with open_account(destination, project.state_directory, policy=_moments(destination)) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return [token]
        asked = [(one, check_audiences(account, one)) for ids in destination.advertiser_ids for one in ids]
        return [token, *(_advertiser(account, destination, one, check) for one, check in asked)]


def _event_source(
    project: Project, account: AccountClient, destination: EventsDestination
) -> tuple[Check, str | None, list[str]]:
    """The check, the id of the event source (None: there is none yet), and what a run would change first."""
    known, changes = destination.event_source_id, list[str]()
    route = Route(destination.event_source, known or "")
    check = check_event_source(account, destination.advertiser_id, route) if known else None
    if is_wanted(destination) and (check is None or check.outcome is not Outcome.FAILED):
        found: list[Intended] = []
        check = checked(EVENT_SOURCE, lambda: _event_set(project, account, destination, found))
        if not found:
            return check, known, changes
        there, changes = found[0].found, found[0].changes
        known = there.event_set_id if there else None
        return check, known, changes
    if check is None:
        raise AssertionError("an event source with neither id nor name")
    return check, known, changes


def _event_set(
    project: Project, account: AccountClient, destination: EventsDestination, found: list[Intended]
) -> Check:
    try:
        here = look_for(project, account, destination)
    except ConfigurationError as error:
        return Check(EVENT_SOURCE, Outcome.FAILED, " ".join(one.message for one in error.problems))
    found.append(here)
    with known_ledger(project) as ledger:
        if ledger and destination.api_url != SIMULATOR:
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
