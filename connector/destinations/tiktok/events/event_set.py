"""Find, create or change the offline event set of a destination before anything is sent."""

from connector.config.project import Project
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.event_sets import EventSetPlan, EventSetSpec, plan_event_set
from connector.destinations.tiktok.event_sources import EventSources
from connector.destinations.tiktok.service import open_account
from connector.destinations.tiktok.settings import EventsSettings
from connector.errors import (
    AccountRefused,
    AccountUnreachable,
    ConfigurationError,
    ConnectorError,
    Interrupted,
    Problem,
    Rule,
    UsageError,
)
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import existing_ledger
from connector.ledger.run_records import RemoteId, RemoteKey

KIND = "event_set"


def manages_event_set(destination: EventsSettings) -> bool:
    """Return whether the settings name the event set or set its auto_tracking, rather than only its id."""
    return destination.event_set_name is not None or destination.auto_tracking is not None


def event_set_spec(destination: EventsSettings) -> EventSetSpec:
    """Return the event set in the settings of the destination."""
    return EventSetSpec(destination.event_source_id, destination.event_set_name, destination.auto_tracking)


def remote_key(destination: EventsSettings, target: str) -> RemoteKey:
    """Return the key under which the id of the event set is stored: its name, or its id if it has none."""
    name = destination.event_set_name or destination.event_source_id or ""
    return RemoteKey(KIND, target, destination.api_url, destination.advertiser_id, name)


def delete_stale_id(ledger: Ledger, key: RemoteKey, plan: EventSetPlan) -> None:
    """Delete the stored id if it is no longer that of the event set."""
    stored = ledger.remote_ids.find(key)
    if stored and (plan.found is None or plan.found.event_set_id != stored.id):
        ledger.remote_ids.delete(key)


def stored_id(project: Project, destination: EventsSettings, ledger: Ledger | None = None) -> str | None:
    """Return the id of an event set that has only a name, if a run has found or created it; send no request."""
    if destination.event_source_id is not None or destination.event_set_name is None:
        return None
    with existing_ledger(project, ledger) as known:
        found = known.remote_ids.find(remote_key(destination, project.target)) if known else None
    return found.id if found else None


def apply_event_set(context: RunContext, destination: EventsSettings, confirmation: Confirmation) -> None:
    """Make the ad account's event set match the settings, and store its id; do nothing if that is done already.

    Raises UsageError if changes are not confirmed, ConfigurationError if id and name do not match or several event sets
    have the name, LockedError if another process does the same, and as `AccountClient` does if the id is unknown.
    """
    key = remote_key(destination, context.project.target)
    if not manages_event_set(destination) or _is_applied(context.ledger.remote_ids.find(key), destination):
        return
    with context.ledger.lock(context.project.state_directory, f"the event set {key.name}", key.target):
        try:
            _apply(context, destination, key, confirmation)
        except (AccountRefused, AccountUnreachable, UsageError) as error:
            if context.stop.is_set():
                raise Interrupted("Interrupted, and nothing was sent.") from None
            if isinstance(error, UsageError):
                raise
            if destination.event_source_id is None:
                raise _unknown(destination, error) from None
            context.observer.note(
                f"The offline event set {destination.event_source_id} is used as it is. {error.message}"
            )


def pending_changes(project: Project, destination: EventsSettings) -> EventSetPlan | None:
    """Return the changes that a run makes first; None if there are none. Raises as `apply_event_set` does."""
    if not manages_event_set(destination):
        return None
    with existing_ledger(project) as ledger:
        known = ledger.remote_ids.find(remote_key(destination, project.target)) if ledger else None
    if _is_applied(known, destination):
        return None
    with open_account(destination, project, policy=brief_policy(destination, attempts=4, seconds=30)) as account:
        return plan_changes(project, account, destination)


def plan_changes(project: Project, account: AccountClient, destination: EventsSettings) -> EventSetPlan:
    """Find the event set and plan its changes. Raises ConfigurationError, and as `AccountClient` does."""
    try:
        return plan_event_set(EventSources(account, destination.advertiser_id), event_set_spec(destination))
    except ConfigurationError as error:
        key = "event_set_name" if destination.event_set_name else "event_source_id"
        place = project.location("destinations", destination.name, key)
        raise ConfigurationError([Problem(error.message, *place, Rule.UNKNOWN_NAME)]) from None


def _is_applied(known: RemoteId | None, destination: EventsSettings) -> bool:
    if known is None or destination.event_source_id not in {None, known.id}:
        return False
    return destination.auto_tracking in {None, known.auto_tracking}


def _apply(context: RunContext, destination: EventsSettings, key: RemoteKey, confirmation: Confirmation) -> None:
    with open_account(destination, context.project, stop=context.stop, observer=context.observer) as account:
        plan = plan_changes(context.project, account, destination)
        confirmation.require(plan.changes)
        event_set = plan.apply(EventSources(account, destination.advertiser_id))
    context.ledger.remote_ids.store(key, event_set.event_set_id, auto_tracking=event_set.auto_tracking)
    if plan.changes:
        context.observer.note(f"The offline event set {event_set} is ready.")


def _unknown(destination: EventsSettings, error: ConnectorError) -> ConnectorError:
    said = (
        f'The offline event set "{destination.event_set_name}" cannot be found or created, and nothing was sent. '
        f"{error.message} Its id, written as `event_source_id`, does as well."
    )
    if isinstance(error, AccountUnreachable):
        return AccountUnreachable(said, answer_lost=error.answer_lost)
    return AccountRefused(said, getattr(error, "code", None))
