"""The records of audiences: their ad accounts, members as digests, and changes of members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connector.core.route import Action

COUNT_BYTES = 2


DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class AudienceRecord:
    """An audience in the ledger."""

    key: int
    """Its number in the ledger."""
    target: str
    """The name of its target."""
    api_url: str
    """The address of the destination's API."""
    audience_id: str
    """The id that the destination gave it."""
    name: str
    """Its name."""
    advertiser_ids: tuple[str, ...]
    """Its ad accounts."""
    synced_at: str | None
    """When a run last ended with all its changes acknowledged."""
    members: dict[str, int] = field(default_factory=dict)
    """The number of its identifiers by type."""


@dataclass(frozen=True, slots=True)
class DeliveredMembers:
    """The members that runs have added to an audience within some time."""

    audience_id: str
    """The id that the destination gave the audience."""
    runs: int
    """The number of runs."""
    rows: int
    """The number of delivered rows."""
    members: int
    """The number of identifiers that were added."""
    last: str
    """The time of the last acknowledgement."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """The identifiers that a slice of a batch adds or deletes, as the table `member_changes` stores them."""

    audience: int
    """The number of the audience in the ledger."""
    first_unit: int
    """The position of its first unit in the batch, from 0."""
    action: Action
    """The direction of the change: add or delete."""
    counts: bytes
    """The number of identifiers of each unit."""
    id_types: bytes
    """The type of each identifier."""
    digests: bytes
    """The digest of each identifier."""


@dataclass(frozen=True, slots=True)
class AcknowledgedChange:
    """A change, and the outcomes of the units of its batch."""

    change: MemberChange
    """The change."""
    outcomes: tuple[tuple[int, int, str], ...]
    """Ranges of units as (first unit, units, outcome), where later ones override earlier ones. An outcome is
    `delivered`, `unknown` or `nothing`.
    """


@dataclass(frozen=True, slots=True)
class MemberPartition:
    """A partition of an audience's members of one type, as sorted digests of 32 bytes."""

    digests: bytes = b""
    """Acknowledged members."""
    doubtful: bytes = b""
    """Members whose request was never answered."""


Partitions = Mapping[tuple[str, int], MemberPartition]
"""Partitions by identifier type and number."""


class AccountState(StrEnum):
    """The state of an ad account of an audience."""

    SERVED = "served"
    """It has the members."""
    WAITING = "waiting"
    """It was added and waits for the members."""
    LEFT = "left"
    """It was removed."""


States = Mapping[str, AccountState]


def arranged(before: States, advertiser_ids: Sequence[str], first: AccountState = AccountState.SERVED) -> States:
    """Return the states of an audience's accounts once it serves these; `first` applies if it had no account before.

    An account that was added, or removed and added again, waits for the members; one that is missing was removed.
    """
    if not before:
        return dict.fromkeys(advertiser_ids, first)
    present = {account: state for account, state in before.items() if state is not AccountState.LEFT}
    served = {account: present.get(account, AccountState.WAITING) for account in advertiser_ids}
    return {**dict.fromkeys(before, AccountState.LEFT), **served}
