"""List the audiences that runs maintain, from the ledger, and ask their platforms for their sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.config.project import Project
from connector.config.roles import requires_admin
from connector.config.suggest import did_you_mean
from connector.destinations.base import Capabilities, MeasuresAudiences
from connector.destinations.registry import destination_of, orchestration_of_audience
from connector.errors import (
    AccountRefused,
    AccountUnreachable,
    AuthorisationError,
    NotPermitted,
    UsageError,
)
from connector.ledger.member_records import AccountState, AudienceRecord
from connector.ledger.project_ledger import existing_ledger

_UNKNOWN = Capabilities("identifier")
"""The features of the destination of an audience that has none any more."""


@dataclass(frozen=True, slots=True)
class AudienceView:
    """An audience in the ledger and at the platform."""

    record: AudienceRecord
    size: int | None = None
    """Its size at the platform; None: unknown."""
    why_not: str = ""
    """Why the size is unknown."""
    platform: Capabilities = _UNKNOWN
    """The features of its destination, for messages."""
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
    """Return the audience with this name or id at each destination, with its size. Raises UsageError if none has it."""
    known = known_audiences(project)
    found = [one for one in known if name in {one.record.name, one.record.audience_id}]
    if not found:
        hint = did_you_mean(name, [one.record.name for one in known]) or " `connector audiences` lists them."
        raise UsageError(f'No run keeps an audience "{name}" under target {project.target}.{hint}')
    return [_with_size(project, one) for one in found]


def _with_size(project: Project, view: AudienceView) -> AudienceView:
    bound = orchestration_of_audience(project, view.record)
    if bound is None:
        return replace(view, why_not="No destination goes there any more.")
    destination = destination_of(bound[1])
    view = replace(view, platform=destination.capabilities)
    if requires_admin(project, [destination.settings.name]):
        return replace(view, why_not=f"The destination {destination.settings.name} is for admins only.")
    if not isinstance(destination, MeasuresAudiences):
        return replace(view, why_not=f"A destination of type {destination.settings.type} does not tell it.")
    try:
        size = destination.audience_size(project, view.record)
    except (AccountRefused, AccountUnreachable, AuthorisationError, NotPermitted) as error:
        return replace(view, why_not=error.message)
    return replace(view, why_not=size) if isinstance(size, str) else replace(view, size=size)
