"""Find or create the audience of a destination, and its copies in other businesses, before a run sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from connector.destinations.audience_membership import Copy
from connector.destinations.confirmation import Confirmation
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.audience_client import Audience, Audiences
from connector.destinations.tiktok.endpoint import SIMULATOR
from connector.destinations.tiktok.settings import AudienceSettings, copy_name
from connector.errors import ConfigurationError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord
from connector.ledger.run_records import RemoteKey, Scope

KIND = "audience"


@dataclass(frozen=True, slots=True)
class BusinessCopy(Copy):
    """The audience in one business."""

    advertiser_ids: tuple[str, ...]
    """The ad accounts that it serves."""


def known_copies(ledger: Ledger | None, destination: AudienceSettings, target: str) -> list[BusinessCopy]:
    """Return the copies as far as the ledger knows them; send no request."""
    copies = []
    for name, ids in destination.copies():
        stored = _stored_id(ledger, destination, target, name, ids)
        audience_id = destination.audience_id or (stored[1] if stored else "")
        known = Audience(audience_id, stored[0] if stored and name else name)
        copies.append(_copy(ledger, destination, target, known, ids))
    return copies


def _stored_id(
    ledger: Ledger | None, destination: AudienceSettings, target: str, name: str, ids: tuple[str, ...]
) -> tuple[str, str] | None:
    """Return the stored name and id of the audience, whichever of its ad accounts was the first when it was created."""
    is_first, base = name == (destination.audience or ""), destination.audience or ""
    candidates = ((name if is_first else copy_name(base, account), account) for account in ids)
    for candidate, account in candidates if ledger else ():
        if ledger and (stored := ledger.remote_ids.find(_remote_key(destination, target, candidate, (account,)))):
            return candidate, stored.id
    return None


def resolve_copies(
    ledger: Ledger, account: AccountClient, destination: AudienceSettings, target: str, confirmation: Confirmation
) -> list[BusinessCopy]:
    """Return every copy with its id, which is found or created once and then stored.

    Raises UsageError if creating one is not confirmed, ConfigurationError if several audiences have the name or the ad
    account has none with the id, and as `AccountClient` does.
    """
    resolved, missing, planned = [], [], list[str]()
    for copy in known_copies(ledger, destination, target):
        audiences = Audiences(account, copy.advertiser_ids[0])
        found = _found(audiences, copy, destination)
        resolved.append((copy, audiences, found))
        if found is None:
            missing.append(f'A run creates the audience "{copy.name}".')
            planned.append(_planned(copy.name))
    if destination.api_url != SIMULATOR:
        confirmation.require(missing, planned)
    return [_store(ledger, destination, target, *parts) for parts in resolved]


def planned_changes(copies: Sequence[BusinessCopy]) -> list[str]:
    """Return the changes that a run may make first, as far as they are known without a request."""
    unknown = [copy.name for copy in copies if not copy.audience_id]
    return [_planned(name) for name in unknown]


def _planned(name: str) -> str:
    return f'A run looks for the audience "{name}" and creates it if there is none.'


def _found(audiences: Audiences, copy: BusinessCopy, destination: AudienceSettings) -> Audience | None:
    if copy.key is not None:
        if destination.api_url == SIMULATOR and audiences.with_id(copy.audience_id) is None:
            raise ConfigurationError(
                f'The simulator has no audience "{copy.name}" any more, since its file was deleted. Forget the rest: '
                "`connector run NAME --fresh`."
            )
        return Audience(copy.audience_id, copy.name)
    if destination.audience_id:
        found = audiences.with_id(destination.audience_id)
        if found is None:
            raise ConfigurationError(
                f"The ad account {copy.advertiser_ids[0]} has no audience {destination.audience_id}. "
                f'Check `audience_id` of "{destination.name}".'
            )
        return found
    named = audiences.named(copy.name)
    if len(named) > 1:
        ids = ", ".join(one.audience_id for one in named)
        raise ConfigurationError(
            f'{len(named)} audiences are called "{copy.name}" ({ids}): say which with `audience_id` in '
            f'"{destination.name}".'
        )
    return named[0] if named else None


def _store(
    ledger: Ledger,
    destination: AudienceSettings,
    target: str,
    copy: BusinessCopy,
    audiences: Audiences,
    found: Audience | None,
) -> BusinessCopy:
    audience = found or audiences.create(copy.name)
    if not audience.audience_id:
        raise ConfigurationError(f'TikTok created the audience "{copy.name}" but gave no id for it: look for it there.')
    ledger.remote_ids.store(_remote_key(destination, target, copy.name, copy.advertiser_ids), audience.audience_id)
    name = copy.name or audience.name
    ledger.members.audience(Scope(target, destination.api_url), audience.audience_id, name, copy.advertiser_ids)
    return _copy(ledger, destination, target, audience, copy.advertiser_ids)


def _copy(
    ledger: Ledger | None, destination: AudienceSettings, target: str, audience: Audience, ids: tuple[str, ...]
) -> BusinessCopy:
    known = ledger.members.audiences(target) if ledger and audience.audience_id else []
    same = (one.key for one in known if (one.api_url, one.audience_id) == (destination.api_url, audience.audience_id))
    return BusinessCopy(next(same, None), audience.audience_id, audience.name, ids)


def _remote_key(destination: AudienceSettings, target: str, name: str, ids: tuple[str, ...]) -> RemoteKey:
    return RemoteKey(KIND, target, destination.api_url, ids[0], name or destination.audience_id or "")


def own_audiences(ledger: Ledger, target: str) -> list[AudienceRecord]:
    """Return the recorded audiences at TikTok or a simulator; others are kept at addresses of another kind."""

    def is_own(api_url: str) -> bool:
        return api_url == SIMULATOR or urlsplit(api_url).scheme in {"http", "https"}

    return [one for one in ledger.members.audiences(target) if is_own(one.api_url)]
