"""The offline event set of a destination that names one: found or created, and switched, before anything is sent."""

from connector.config.project import Project
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.event_sets import EventSetPlan, EventSetSpec, intended
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
    UsageError,
)
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import existing_ledger
from connector.ledger.records import RemoteId, RemoteKey

KIND = "event_set"


def is_wanted(destination: EventsSettings) -> bool:
    """Whether the destination says more of its event set than the id."""
    return destination.event_set_name is not None or destination.auto_tracking is not None


def wanted_of(destination: EventsSettings) -> EventSetSpec:
    """The event set as the destination has it."""
    return EventSetSpec(destination.event_source_id, destination.event_set_name, destination.auto_tracking)


def place_of(destination: EventsSettings, target: str) -> RemoteKey:
    """Where the id of the event set is kept; one without a name is kept by its id."""
    name = destination.event_set_name or destination.event_source_id or ""
    return RemoteKey(KIND, target, destination.api_url, destination.advertiser_id, name)


def forget_what_is_gone(ledger: Ledger, place: RemoteKey, found: EventSetPlan) -> None:
    """An id that is kept, and is that of the event set no longer, is kept no more."""
    known = ledger.remote_ids.find(place)
    if known and (found.found is None or found.found.event_set_id != known.id):
        ledger.remote_ids.delete(place)


def kept_id(project: Project, destination: EventsSettings, ledger: Ledger | None = None) -> str | None:
    """The id of an event set that has only a name, where a run has found or created it; asks nobody."""
    if destination.event_source_id is not None or destination.event_set_name is None:
        return None
    with existing_ledger(project, ledger) as known:
        found = known.remote_ids.find(place_of(destination, project.target)) if known else None
    return found.id if found else None


def settle_event_set(at: RunContext, destination: EventsSettings, consent: Confirmation) -> None:
    """Makes the ad account's event set what the destination says, and keeps its id; nothing once that is done.

    Raises UsageError where changes are not agreed to, ConfigurationError where id and name do not fit or the name is
    that of several, LockedError where another process is at it, and what `AccountClient` raises where an id is lacking.
    """
    place = place_of(destination, at.project.target)
    if not is_wanted(destination) or _is_settled(at.ledger.remote_ids.find(place), destination):
        return
    with at.ledger.lock(at.project.state_directory, f"the event set {place.name}", place.target):
        try:
            _settle(at, destination, place, consent)
        except (AccountRefused, AccountUnreachable, UsageError) as error:
            if at.stop.is_set():
                raise Interrupted("Interrupted, and nothing was sent.") from None
            if isinstance(error, UsageError):
                raise
            if destination.event_source_id is None:
                raise _unknown(destination, error) from None
            at.observer.note(f"The offline event set {destination.event_source_id} is used as it is. {error.message}")


def intended_for(project: Project, destination: EventsSettings) -> EventSetPlan | None:
    """What a run would do first; None where nothing is left to be done. Changes nothing, raises as settling does."""
    if not is_wanted(destination):
        return None
    with existing_ledger(project) as ledger:
        known = ledger.remote_ids.find(place_of(destination, project.target)) if ledger else None
    if _is_settled(known, destination):
        return None
    with open_account(
        destination, project.state_directory, policy=brief_policy(destination, attempts=4, seconds=30)
    ) as account:
        return look_for(project, account, destination)


def look_for(project: Project, account: AccountClient, destination: EventsSettings) -> EventSetPlan:
    """What there is, and what would be changed. Raises ConfigurationError, and what `AccountClient` raises."""
    try:
        return intended(EventSources(account, destination.advertiser_id), wanted_of(destination))
    except ConfigurationError as error:
        key = "event_set_name" if destination.event_set_name else "event_source_id"
        place = project.place("destinations", destination.name, key)
        raise ConfigurationError([Problem(error.message, *place)]) from None


def _is_settled(known: RemoteId | None, destination: EventsSettings) -> bool:
    if known is None or destination.event_source_id not in {None, known.id}:
        return False
    return destination.auto_tracking in {None, known.auto_tracking}


def _settle(at: RunContext, destination: EventsSettings, place: RemoteKey, consent: Confirmation) -> None:
    with open_account(destination, at.project.state_directory, stop=at.stop) as account:
        found = look_for(at.project, account, destination)
        consent.require(found.changes)
        event_set = found.carry_out(EventSources(account, destination.advertiser_id))
    at.ledger.remote_ids.store(place, event_set.event_set_id, auto_tracking=event_set.auto_tracking)
    if found.changes:
        at.observer.note(f"The offline event set {event_set} is ready.")


def _unknown(destination: EventsSettings, error: ConnectorError) -> ConnectorError:
    said = (
        f'The offline event set "{destination.event_set_name}" cannot be found or created, and nothing was sent. '
        f"{error.message} Its id, written as `event_source_id`, does as well."
    )
    if isinstance(error, AccountUnreachable):
        return AccountUnreachable(said, lost=error.lost)
    return AccountRefused(said, getattr(error, "code", None))
