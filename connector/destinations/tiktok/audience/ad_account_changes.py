"""Track the ad accounts of an audience: added ones get its members, removed ones keep what they have."""

import json
from collections.abc import Iterator, Sequence

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.destinations.audience_rivals import Bound
from connector.destinations.audience_stage import StagedMembers
from connector.destinations.tiktok.audience.copies import BusinessCopy
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ConfigurationError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AccountState, AudienceRecord, States, arranged

REMOVE = "remove"
"""A run that only removes people adds nobody to an ad account, so it changes no account."""

STAYS = "keeps the identifiers that it has and gets no later change; nothing is deleted there"


def planned_states(ledger: Ledger, copies: Sequence[BusinessCopy], mode: str) -> list[States]:
    """Return the states of each copy's ad accounts after a run has started; write nothing."""
    return [_planned(ledger, number, copy, mode) for number, copy in enumerate(copies)]


def update_accounts(ledger: Ledger, copies: Sequence[BusinessCopy], mode: str) -> Iterator[str]:
    """Record the ad accounts that the copies serve from now on; yield a note on each removed one."""
    for number, copy in enumerate(copies):
        if copy.key is not None and (mode != REMOVE or not ledger.accounts.states(copy.key)):
            notes = removal_notes(ledger, copy, _planned(ledger, number, copy, mode))
            ledger.accounts.arrange(copy.key, copy.advertiser_ids, _first(number))
            yield from notes


def removal_notes(ledger: Ledger, copy: BusinessCopy, planned: States) -> list[str]:
    """Return a note on each ad account that is removed from the audience."""
    before = ledger.accounts.states(copy.key) if copy.key is not None else {}
    removed = [
        account for account, state in planned.items() if state is AccountState.LEFT and before.get(account) is not state
    ]
    return [f'The ad account {account} was removed from the audience "{copy.name}": it {STAYS}.' for account in removed]


def copies_to_refill(states: Sequence[States], mode: str) -> frozenset[int]:
    """Return the numbers of the copies with an added ad account that does not have the members yet."""
    if mode == REMOVE:
        return frozenset()
    return frozenset(number for number, accounts in enumerate(states) if AccountState.WAITING in accounts.values())


def resend_notes(copies: Sequence[BusinessCopy], states: Sequence[States], staged: StagedMembers) -> Iterator[str]:
    """Yield a note on each copy whose members are sent again for added ad accounts."""
    for number, counts in staged.by_copy.items():
        if counts.resent:
            waiting = [account for account, state in states[number].items() if state is AccountState.WAITING]
            yield (
                f'Added to the audience "{copies[number].name}": ad account{"s" * (len(waiting) > 1)} '
                f"{', '.join(waiting)}. The {counts.resent:,} identifiers that are in the audience and stay are sent "
                "again, to all of its ad accounts. Who is in it does not change."
            )


def abandoned_copies(
    project: Project, ledger: Ledger, destination: AudienceSettings, copies: Sequence[BusinessCopy]
) -> list[AudienceRecord]:
    """Return the recorded copies of the audience that still serve ad accounts but have no destination any more."""
    keys, name = {copy.key for copy in copies}, destination.audience
    return [
        one
        for one in ledger.members.audiences(project.target)
        if name is not None
        and one.api_url == destination.api_url
        and one.key not in keys
        and (one.name == name or one.name.startswith(f"{name} ("))
        and any(state is not AccountState.LEFT for state in ledger.accounts.states(one.key).values())
        and not _has_destination(project, one)
    ]


def abandoned_note(record: AudienceRecord) -> str:
    """Return a note on a copy without a destination."""
    return (
        f'No destination goes to the audience "{record.name}" ({record.audience_id}, ad accounts '
        f"{', '.join(record.advertiser_ids)}) any more: it {STAYS}."
    )


def _planned(ledger: Ledger, number: int, copy: BusinessCopy, mode: str) -> States:
    known = ledger.accounts.states(copy.key) if copy.key is not None else {}
    return known if known and mode == REMOVE else arranged(known, copy.advertiser_ids, _first(number))


def _first(number: int) -> AccountState:
    """Return the first state of accounts: a copy in another business lacks the members, a new audience has none."""
    return AccountState.WAITING if number else AccountState.SERVED


def _has_destination(project: Project, record: AudienceRecord) -> bool:
    for name in project.orchestrations:
        try:
            destination = project.orchestration(name).destination
        except ConfigurationError:
            continue
        if isinstance(destination, AudienceSettings) and destination.api_url == record.api_url:
            for copy_name, ids in destination.copies():
                named = copy_name == record.name or destination.audience_id == record.audience_id
                if named and set(ids) & set(record.advertiser_ids):
                    return True
    return False


def repeated_audience(first: Bound, last: Bound) -> str | None:
    """Describe an audience sent to several accounts separately, which TikTok refuses (LiveRamp's page)."""
    (orchestration, destination), (other, to) = first, last
    if not isinstance(destination, AudienceSettings) or not isinstance(to, AudienceSettings):
        return None
    if REMOVE in {destination.mode, to.mode} or not _has_same_name(destination, to):
        return None
    if destination.accounts == to.accounts or _people_of(orchestration) != _people_of(other):
        return None
    ids = sorted(destination.accounts | to.accounts)
    return (
        f'"{orchestration.name}" and "{other.name}" send the same people as the same audience '
        f'"{destination.audience or destination.audience_id}" to different ad accounts, through "{destination.name}" '
        f'and "{to.name}". TikTok does not allow the same audience to be sent to several ad accounts one by one: such '
        f"deliveries fail. Keep one destination with all of them, advertiser_ids: {json.dumps(ids)} (or a list for "
        f"each business: {json.dumps([[one] for one in ids])}), or give each audience a name of its own."
    )


def _has_same_name(destination: AudienceSettings, other: AudienceSettings) -> bool:
    return destination.label == other.label and destination.api_url == other.api_url


def _people_of(orchestration: Orchestration) -> object:
    """Return what selects the people of the result; it is equal for two orchestrations that send the same people."""
    path, name = orchestration.query_path, orchestration.model or orchestration.file
    query = path.read_text(errors="replace") if path else name
    warehouse = orchestration.warehouse.name if orchestration.warehouse else None
    return " ".join((query or "").split()), dict(orchestration.parameters), warehouse
