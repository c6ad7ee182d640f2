"""Apply acknowledged changes of an audience to its stored members.

An addition or deletion counts once the destination has acknowledged it. Without an answer, the identifier is doubtful:
additions treat it as no member, deletions as a member. Both can be repeated without harm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from shutil import rmtree

import numpy as np
import numpy.typing as npt

from connector.core.hashed_rows import ID_TYPES
from connector.core.route import Action
from connector.errors import CorruptStage, ResumableError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AcknowledgedChange, MemberPartition
from connector.staging.storage.digest_partitions import (
    DIGEST_BYTES,
    PARTITIONS,
    DigestPartitions,
    Digests,
    digest_keys,
    digests_from,
    distinct,
    repeats_previous,
    sort_positions,
)
from connector.staging.storage.prefix_filter import KeySet

NOTHING, IN, OUT, DOUBTFUL = 0, 1, 2, 3
SENT = np.dtype([("digest", "u1", DIGEST_BYTES), ("outcome", "u1")])

SMALL_AUDIENCE = 50_000
"""The most identifiers to read or write in one query: 1.6 MB. A larger audience takes a query for each partition."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An audience at a destination. Some destinations keep several copies of it."""

    key: int | None
    """Its number in the ledger; None if its members are not recorded there."""
    audience_id: str
    """Its id at the destination; empty if there is none yet."""
    name: str


MemberLookup = Callable[[Copy, str, int], tuple[Digests, Digests]]
"""Returns the members of a copy of one type in one partition: the acknowledged and the doubtful ones."""


def member_lookup(ledger: Ledger) -> MemberLookup:
    """Return a lookup of the members of a copy; a copy without a key has none."""
    lookup = _partition_lookup(ledger)

    def members(copy: Copy, id_type: str, partition: int) -> tuple[Digests, Digests]:
        stored = lookup(copy.key, id_type, partition) if copy.key is not None else MemberPartition()
        return digests_from(stored.digests), digests_from(stored.doubtful)

    return members


def _partition_lookup(ledger: Ledger) -> Callable[[int, str, int], MemberPartition]:
    """Return a lookup of partitions, which reads a small audience in one query at its first use."""
    small = cache(lambda audience: ledger.members.all_partitions(audience, SMALL_AUDIENCE))

    def lookup(audience: int, id_type: str, partition: int) -> MemberPartition:
        partitions = small(audience)
        if partitions is None:
            return ledger.members.partition(audience, id_type, partition)
        return partitions.get((id_type, partition), MemberPartition())

    return lookup


def apply_changes(ledger: Ledger, audience: int, state_directory: Path) -> None:
    """Apply acknowledged changes to the members of an audience, using a temporary folder in the state directory.

    If a process dies meanwhile, the next one repeats all of it with the same result. The caller holds the audience's
    lock. Raises ResumableError if the disk fails, since the run's stage is not at fault.
    """
    try:
        _apply_changes(ledger, audience, state_directory / "members" / str(audience))
    except (OSError, CorruptStage) as error:
        fault = error.fault if isinstance(error, CorruptStage) else error.strerror or error
        raise ResumableError(
            f"The changes of the audience could not be applied: {fault}. Fix this, then run `connector run`."
        ) from None


def _apply_changes(ledger: Ledger, audience: int, folder: Path) -> None:
    rmtree(folder, ignore_errors=True)
    files, last = DigestPartitions(folder, SENT), 0
    for number, change in ledger.members.changes(audience):
        _add_records(files, change)
        last = number
    files.finish()
    _update_partitions(ledger, audience, files)
    files.remove()
    if last:
        ledger.members.applied(audience, last)


def _update_partitions(ledger: Ledger, audience: int, files: DigestPartitions) -> None:
    lookup = _partition_lookup(ledger)
    changed: dict[tuple[str, int], MemberPartition] = {}
    size = 0
    for id_type, partition in product(ID_TYPES, range(PARTITIONS)):
        changes = files.read(id_type, partition)
        if not len(changes):
            continue
        changed[id_type, partition] = after = _after(lookup(audience, id_type, partition), changes)
        size += len(after.digests) + len(after.doubtful)
        if size >= SMALL_AUDIENCE * DIGEST_BYTES:
            ledger.members.replace(audience, changed)
            changed, size = {}, 0
    if changed:
        ledger.members.replace(audience, changed)


def _add_records(files: DigestPartitions, acknowledged: AcknowledgedChange) -> None:
    change = acknowledged.change
    counts = np.frombuffer(change.counts, "<u2").astype(np.int64)
    outcomes = np.repeat(_unit_outcomes(acknowledged, len(counts)), counts)
    kinds = np.frombuffer(change.id_types, np.uint8)
    records = np.empty(len(kinds), SENT)
    records["digest"], records["outcome"] = digests_from(change.digests), outcomes
    sent = outcomes != NOTHING
    for number, id_type in enumerate(ID_TYPES):
        of_type = records[sent & (kinds == number)]
        if len(of_type):
            files.add(id_type, of_type)


def _unit_outcomes(acknowledged: AcknowledgedChange, count: int) -> npt.NDArray[np.uint8]:
    """Return the outcome of each unit of the change."""
    delivered = IN if acknowledged.change.action is Action.ADD else OUT
    codes = {"delivered": delivered, "unknown": DOUBTFUL, "nothing": NOTHING}
    outcomes, first = np.zeros(count, np.uint8), acknowledged.change.first_unit
    for start, units, outcome in acknowledged.outcomes:
        outcomes[max(start - first, 0) : max(start - first + units, 0)] = codes[outcome]
    return outcomes


def _after(before: MemberPartition, changes: npt.NDArray[np.void]) -> MemberPartition:
    """Return the partition after changes; the last change of each identifier counts."""
    order = sort_positions(changes["digest"])
    ordered = changes[order]
    latest = ordered[np.r_[~repeats_previous(ordered["digest"])[1:], True]]
    changed = KeySet(digest_keys(latest["digest"]))
    members, doubtful = digests_from(before.digests), digests_from(before.doubtful)
    return MemberPartition(
        _merged(members[~changed.contains(digest_keys(members))], latest[latest["outcome"] == IN]),
        _merged(doubtful[~changed.contains(digest_keys(doubtful))], latest[latest["outcome"] == DOUBTFUL]),
    )


def _merged(digests: Digests, more: npt.NDArray[np.void]) -> bytes:
    return distinct(np.concatenate([digests, more["digest"]])).tobytes()
