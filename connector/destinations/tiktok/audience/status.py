"""Show the audiences that runs maintain, from the ledger and from TikTok."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.config.addresses import SIMULATOR
from connector.config.project import Project
from connector.config.roles import requires_admin
from connector.config.suggest import did_you_mean
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.audience.copies import destination_of_audience, settings_of
from connector.destinations.tiktok.audiences import Audiences
from connector.destinations.tiktok.service import open_account
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import (
    AccountRefused,
    AccountUnreachable,
    AuthorisationError,
    NotPermitted,
    UsageError,
)
from connector.ledger.member_records import AccountState, AudienceRecord
from connector.ledger.project_ledger import existing_ledger


@dataclass(frozen=True, slots=True)
class AudienceView:
    """An audience in the ledger and at TikTok."""

    record: AudienceRecord
    size: int | None = None
    """Its size at TikTok; None: unknown."""
    why_not: str = ""
    """Why the size is unknown."""
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    """The state of each ad account that it serves or served."""

    def accounts_in(self, state: AccountState) -> list[str]:
        """Return the ad accounts in a state."""
        return [account for account, current in self.accounts.items() if current is state]

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector audiences --json` prints."""
        one = self.record
        return {
            "name": one.name,
            "audience_id": one.audience_id,
            "advertiser_ids": list(one.advertiser_ids),
            "waiting_advertiser_ids": self.accounts_in(AccountState.WAITING),
            "left_advertiser_ids": self.accounts_in(AccountState.LEFT),
            "target": one.target,
            "api_url": one.api_url,
            "members": {**one.members, "total": sum(one.members.values())},
            "synced_at": one.synced_at,
        }


def known_audiences(project: Project) -> list[AudienceView]:
    """Return the audiences that runs maintain under the project's target."""
    with existing_ledger(project) as ledger:
        records = ledger.members.audiences(project.target) if ledger else []
        return [AudienceView(one, accounts=ledger.accounts.states(one.key)) for one in records if ledger]


def show_audience(project: Project, name: str) -> list[AudienceView]:
    """Return the audience with this name or id in every business, with its size. Raises UsageError if there is none."""
    known = known_audiences(project)
    found = [one for one in known if name in {one.record.name, one.record.audience_id}]
    if not found:
        hint = did_you_mean(name, [one.record.name for one in known]) or " `connector audiences` lists them."
        raise UsageError(f'No run keeps an audience "{name}" under target {project.target}.{hint}')
    return [_with_size(project, one) for one in found]


def _with_size(project: Project, view: AudienceView) -> AudienceView:
    record = view.record
    destination = destination_of_audience(project, record)
    if destination is None:
        return replace(view, why_not="No destination goes there any more.")
    if requires_admin(project, [destination.name]):
        return replace(view, why_not=f"The destination {destination.name} is for admins only.")
    policy = brief_policy(destination, attempts=2, seconds=10)
    try:
        with open_account(destination, project.state_directory, policy=policy, timeout=10) as account:
            asked = (Audiences(account, one).with_id(record.audience_id) for one in record.advertiser_ids)
            found = next((one for one in asked if one), None)
    except (AccountRefused, AccountUnreachable, AuthorisationError, NotPermitted) as error:
        return replace(view, why_not=error.message)
    if found is None:
        return replace(view, why_not="TikTok does not list it: it may have been deleted there.")
    return replace(view, size=found.size)


def sent_to_simulator(project: Project) -> list[str]:
    """Return the destinations whose audiences are in the simulator of a run, and are lost after it."""
    return list(dict.fromkeys(one.name for one in _audience_destinations(project) if one.api_url == SIMULATOR))


def _audience_destinations(project: Project) -> Iterator[AudienceSettings]:
    """Yield the audience destination of each orchestration that has one and can be read."""
    for name in project.orchestrations:
        destination = settings_of(project, name)
        if isinstance(destination, AudienceSettings):
            yield destination
