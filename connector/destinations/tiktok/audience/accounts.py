"""Ad accounts that are added to an audience get its members; those that are taken away keep what they have."""

from collections.abc import Iterator, Sequence

from connector.config.project import Project
from connector.destinations.tiktok.audience.copies import Copy
from connector.destinations.tiktok.audience.stage import StagedMembers
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ConfigurationError
from connector.ledger.accounts import AccountState, States, arranged
from connector.ledger.ledger import Ledger
from connector.ledger.members import AudienceRecord

REMOVE = "remove"
"""A run that only removes people sends nobody to an ad account, so it leaves the accounts as they are."""

STAYS = "keeps the identifiers that it has and gets no later change; nothing is deleted there"


def states_to_come(ledger: Ledger, copies: Sequence[Copy], mode: str) -> list[States]:
    """How the ad accounts of each copy stand once a run has begun; nothing is written."""
    return [_to_come(ledger, number, copy, mode) for number, copy in enumerate(copies)]


def arrange_accounts(ledger: Ledger, copies: Sequence[Copy], mode: str) -> Iterator[str]:
    """Write down which ad accounts the copies serve from now on; give a sentence on each that was taken away."""
    for number, copy in enumerate(copies):
        if copy.key is not None and (mode != REMOVE or not ledger.accounts.states(copy.key)):
            taken = taken_away(ledger, copy, _to_come(ledger, number, copy, mode))
            ledger.accounts.arrange(copy.key, copy.advertiser_ids, _first(number))
            yield from taken


def taken_away(ledger: Ledger, copy: Copy, to_come: States) -> list[str]:
    """A sentence on each ad account that served the audience until now."""
    before = ledger.accounts.states(copy.key) if copy.key is not None else {}
    gone = [one for one, state in to_come.items() if state is AccountState.LEFT and before.get(one) is not state]
    return [f'The ad account {one} was removed from the audience "{copy.name}": it {STAYS}.' for one in gone]


def to_refill(states: Sequence[States], mode: str) -> frozenset[int]:
    """The numbers of the copies to which an ad account was added that has not got the members yet."""
    if mode == REMOVE:
        return frozenset()
    return frozenset(number for number, known in enumerate(states) if AccountState.WAITING in known.values())


def sent_again(copies: Sequence[Copy], states: Sequence[States], staged: StagedMembers) -> Iterator[str]:
    """A sentence on each copy whose members are sent again, for ad accounts that were added."""
    for number, counts in staged.by_copy.items():
        if counts.resent:
            waiting = [one for one, state in states[number].items() if state is AccountState.WAITING]
            yield (
                f'Added to the audience "{copies[number].name}": ad account{"s" * (len(waiting) > 1)} '
                f"{', '.join(waiting)}. The {counts.resent:,} identifiers that are in the audience and stay are sent "
                "again, to all of its ad accounts. Who is in it does not change."
            )


def businesses_left(
    project: Project, ledger: Ledger, destination: AudienceSettings, copies: Sequence[Copy]
) -> list[AudienceRecord]:
    """Copies of the audience that served ad accounts until now and that no destination goes to any more."""
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


def left_sentence(record: AudienceRecord) -> str:
    """What happens to a copy that no destination goes to any more."""
    return (
        f'No destination goes to the audience "{record.name}" ({record.audience_id}, ad accounts '
        f"{', '.join(record.advertiser_ids)}) any more: it {STAYS}."
    )


def _to_come(ledger: Ledger, number: int, copy: Copy, mode: str) -> States:
    known = ledger.accounts.states(copy.key) if copy.key is not None else {}
    return known if known and mode == REMOVE else arranged(known, copy.advertiser_ids, _first(number))


def _first(number: int) -> AccountState:
    """A new audience is empty, so its accounts lack nothing; a copy of it in another business lacks its members."""
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
