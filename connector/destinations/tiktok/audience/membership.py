"""What was sent of an audience becomes what is known of its members.

An addition or deletion counts once TikTok has acknowledged it. Where no answer came, the identifier is doubtful: not a
member for who would add it, and a member for who would delete it. Both may be asked for again without harm.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from shutil import rmtree

import numpy as np
import numpy.typing as npt

from connector.core.hashed import ID_TYPES
from connector.core.route import Action
from connector.destinations.tiktok.audience.copies import Copy
from connector.errors import CorruptStage, ResumableError
from connector.ledger.ledger import Ledger
from connector.ledger.members import AcknowledgedChange, MemberPartition
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
SENT = np.dtype([("digest", "u1", DIGEST_BYTES), ("fate", "u1")])

SMALL_AUDIENCE = 50_000
"""Identifiers that are read, or written, in one query: 1.6 MB. Of a larger audience each share is one query."""

Known = Callable[[Copy, str, int], tuple[Digests, Digests]]


def members_known(ledger: Ledger) -> Known:
    """How the members of a copy are looked up; of one without a key none are known."""
    lookup = _share_lookup(ledger)

    def known(copy: Copy, id_type: str, share: int) -> tuple[Digests, Digests]:
        found = lookup(copy.key, id_type, share) if copy.key is not None else MemberPartition()
        return digests_from(found.digests), digests_from(found.doubtful)

    return known


def _share_lookup(ledger: Ledger) -> Callable[[int, str, int], MemberPartition]:
    """Return a lookup of shares, which reads a small audience in one query when it is first asked for."""
    small = cache(lambda audience: ledger.members.all_partitions(audience, SMALL_AUDIENCE))

    def lookup(audience: int, id_type: str, share: int) -> MemberPartition:
        shares = small(audience)
        if shares is None:
            return ledger.members.partition(audience, id_type, share)
        return shares.get((id_type, share), MemberPartition())

    return lookup


def settle_changes(ledger: Ledger, audience: int, state_directory: Path) -> None:
    """Apply what was sent to an audience to its members, using a folder of the state directory meanwhile.

    A process that dies within it loses nothing: the next one does all of it again, to the same end. Whoever calls it
    holds the audience's lock. Raises ResumableError where the disk fails: it is no fault of a run's stage.
    """
    try:
        _settle(ledger, audience, state_directory / "members" / str(audience))
    except (OSError, CorruptStage) as error:
        fault = error.fault if isinstance(error, CorruptStage) else error.strerror or error
        raise ResumableError(
            f"What was sent of the audience could not be settled: {fault}. Fix this, then run `connector run`."
        ) from None


def _settle(ledger: Ledger, audience: int, folder: Path) -> None:
    rmtree(folder, ignore_errors=True)
    files, last = DigestPartitions(folder, SENT), 0
    for number, settled in ledger.members.changes(audience):
        _share_out(files, settled)
        last = number
    files.finish()
    _apply(ledger, audience, files)
    files.remove()
    if last:
        ledger.members.applied(audience, last)


def _apply(ledger: Ledger, audience: int, files: DigestPartitions) -> None:
    lookup = _share_lookup(ledger)
    changed: dict[tuple[str, int], MemberPartition] = {}
    size = 0
    for id_type, share in product(ID_TYPES, range(PARTITIONS)):
        changes = files.read(id_type, share)
        if not len(changes):
            continue
        changed[id_type, share] = after = _after(lookup(audience, id_type, share), changes)
        size += len(after.digests) + len(after.doubtful)
        if size >= SMALL_AUDIENCE * DIGEST_BYTES:
            ledger.members.replace(audience, changed)
            changed, size = {}, 0
    if changed:
        ledger.members.replace(audience, changed)


def _share_out(files: DigestPartitions, settled: AcknowledgedChange) -> None:
    change = settled.change
    counts = np.frombuffer(change.counts, "<u2").astype(np.int64)
    fates = np.repeat(_fates(settled, len(counts)), counts)
    kinds = np.frombuffer(change.id_types, np.uint8)
    records = np.empty(len(kinds), SENT)
    records["digest"], records["fate"] = digests_from(change.digests), fates
    sent = fates != NOTHING
    for number, id_type in enumerate(ID_TYPES):
        some = records[sent & (kinds == number)]
        if len(some):
            files.add(id_type, some)


def _fates(settled: AcknowledgedChange, count: int) -> npt.NDArray[np.uint8]:
    """What became of each unit of the change."""
    done = IN if settled.change.action is Action.ADD else OUT
    codes = {"delivered": done, "unknown": DOUBTFUL, "nothing": NOTHING}
    fates, first = np.zeros(count, np.uint8), settled.change.first_unit
    for start, units, fate in settled.outcomes:
        fates[max(start - first, 0) : max(start - first + units, 0)] = codes[fate]
    return fates


def _after(before: MemberPartition, changes: npt.NDArray[np.void]) -> MemberPartition:
    """The share after changes, of which the last of each identifier stands."""
    order = sort_positions(changes["digest"])
    ordered = changes[order]
    latest = ordered[np.r_[~repeats_previous(ordered["digest"])[1:], True]]
    changed = KeySet(digest_keys(latest["digest"]))
    members, doubtful = digests_from(before.digests), digests_from(before.doubtful)
    return MemberPartition(
        _with(members[~changed.contains(digest_keys(members))], latest[latest["fate"] == IN]),
        _with(doubtful[~changed.contains(digest_keys(doubtful))], latest[latest["fate"] == DOUBTFUL]),
    )


def _with(digests: Digests, more: npt.NDArray[np.void]) -> bytes:
    return distinct(np.concatenate([digests, more["digest"]])).tobytes()
