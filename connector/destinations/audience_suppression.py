"""Skip suppressed people in audiences, and delete them from the audiences that have them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.config.project import Project
from connector.core.hashed_rows import ID_TYPES, HashedMembers, excluded_rows
from connector.core.outcomes import Skip
from connector.core.route import Action
from connector.delivery.batch import Batch
from connector.destinations.audience_membership import apply_changes
from connector.destinations.audience_payloads import Identifiers, MakePayloads, identifiers_by_type, route_to
from connector.destinations.context import RunContext
from connector.errors import ConnectorError
from connector.ledger.batch_records import BatchSlice, OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord, MemberPartition
from connector.staging.recheck import open_flags, skipped_slices
from connector.staging.storage.digest_partitions import Digests, digest_keys, digest_partitions, digests_from
from connector.staging.storage.keys import Keys
from connector.staging.storage.prefix_filter import KeySet
from connector.staging.storage.reader import StageReader
from connector.transform.suppression_filter import Starts, is_among, read_opted_out

NO_ROWS = pa.ListArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array([], pa.int64()))

DeleteMembers = Callable[[AudienceRecord, str, Digests], None]
"""Deletes digests of one type from an audience at the destination. Raises ConnectorError if that fails."""


@dataclass(frozen=True, slots=True)
class SuppressedKeys:
    """The keys of digests of suppressed people, and of people who have opted out."""

    known: KeySet
    """The suppressed people in the ledger."""
    opted_out: Starts
    """The beginnings of the digests of the others."""

    def contains(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return a flag for each key: true if it is one of theirs."""
        starts = keys[:, 0].byteswap()
        return self.known.contains(keys) | is_among(starts, self.opted_out)


def suppressed_keys(ledger: Ledger, opted_out: Path | None = None) -> SuppressedKeys | None:
    """Return the digests of suppressed people, and of those in a file of `opted_out`; None if there are none."""
    digests, starts = ledger.suppression.digests(), read_opted_out(opted_out)
    if not digests and not len(starts):
        return None
    return SuppressedKeys(KeySet(digest_keys(_digests(digests))), starts)


def without_suppressed(rows: Iterable[HashedMembers], suppressed: SuppressedKeys | None) -> Iterator[HashedMembers]:
    """Yield the rows; those of suppressed people count as skipped."""
    if suppressed is None:
        yield from rows
        return
    for part in rows:
        flags = _suppressed_flags(part.members, suppressed)
        yield _skip_flagged(part, flags) if flags.any() else part


def recheck_suppressed(context: RunContext, run_id: str) -> None:
    """Skip the open additions of a staged run about people who were suppressed since."""
    suppressed = suppressed_keys(context.ledger)
    if suppressed is None:
        return
    with StageReader(context.directory(run_id)) as stage:
        for batch in context.ledger.batches.open(run_id):
            if batch.record.route.operation.action is not Action.DELETE:
                for part in _skipped(stage, batch, suppressed):
                    context.ledger.batches.settled(run_id, part)


def remove_from_audiences(
    project: Project,
    ledger: Ledger,
    audiences: Iterable[AudienceRecord],
    digests: Sequence[str],
    delete_members: DeleteMembers,
) -> Iterator[dict[str, Any]]:
    """Delete a person from each of the audiences that has one of the digests (64 hex digits).

    Yield for each what was done, or why not. If the destination fails, a run that mirrors its query does it.
    """
    for audience in audiences:
        found = _found(ledger, audience, digests, sent=True)
        if not found:
            continue
        try:
            with ledger.lock(project.state_directory, f"the audience {audience.audience_id}", project.target):
                apply_changes(ledger, audience.key, project.state_directory)
                found = _found(ledger, audience, digests)
                for name, some in found.items():
                    delete_members(audience, name, some)
                    for digest in some:
                        _delete_member(ledger, audience, name, digest.reshape(1, -1))
        except ConnectorError as error:
            yield {**_named(audience, found), "removed": False, "error": error.message}
        else:
            if found:
                yield {**_named(audience, found), "removed": True}


def deletion(audience: AudienceRecord, id_type: str, digests: Digests, make_payloads: MakePayloads) -> Batch:
    """Return the batch that deletes the digests of one person from an audience."""
    person = {id_type: Identifiers(np.array([len(digests)]), digests)}
    units = make_payloads(person, NO_ROWS, audience.audience_id, (id_type,))
    route = route_to(Action.DELETE, (id_type,), audience.audience_id)
    return Batch(0, route, 1, 0, units.table["payload"][0].as_py().encode())


def _named(audience: AudienceRecord, found: Mapping[str, Digests]) -> dict[str, Any]:
    count = sum(len(some) for some in found.values())
    return {"audience": audience.name, "audience_id": audience.audience_id, "identifiers": count}


def _found(
    ledger: Ledger, audience: AudienceRecord, digests: Sequence[str], *, sent: bool = False
) -> dict[str, Digests]:
    """Return the digests that may be members, by type; with `sent`, also those in changes that are not applied yet."""
    changed = _changed(ledger, audience, digests) if sent else frozenset()
    found = {name: _members(ledger, audience, name, digests, changed) for name in ("email", "phone")}
    return {name: some for name, some in found.items() if len(some)}


def _changed(ledger: Ledger, audience: AudienceRecord, digests: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return the digests in changes that were sent and are not applied yet, with their types."""
    wanted, found = KeySet(digest_keys(_digests(digests))), set()
    for _, acknowledged in ledger.members.changes(audience.key):
        sent = digests_from(acknowledged.change.digests)
        for place in np.flatnonzero(wanted.contains(digest_keys(sent))):
            found.add((ID_TYPES[acknowledged.change.id_types[place]], sent[place].tobytes().hex()))
    return frozenset(found)


def _members(
    ledger: Ledger, audience: AudienceRecord, id_type: str, digests: Sequence[str], changed: Set[tuple[str, str]]
) -> Digests:
    """Return the digests that may be members or are in `changed`."""
    found = []
    for digest in digests:
        single = _digests([digest])
        partition = ledger.members.partition(audience.key, id_type, int(digest_partitions(single)[0]))
        members = np.concatenate([digests_from(partition.digests), digests_from(partition.doubtful)])
        if (id_type, digest) in changed or KeySet(digest_keys(members)).contains(digest_keys(single)).any():
            found.append(single)
    return np.concatenate(found) if found else _digests([])


def _delete_member(ledger: Ledger, audience: AudienceRecord, id_type: str, digest: Digests) -> None:
    partition, deleted = int(digest_partitions(digest)[0]), KeySet(digest_keys(digest))
    before = ledger.members.partition(audience.key, id_type, partition)
    members = [digests_from(stored) for stored in (before.digests, before.doubtful)]
    remaining = [digests[~deleted.contains(digest_keys(digests))].tobytes() for digests in members]
    ledger.members.replace(audience.key, {(id_type, partition): MemberPartition(*remaining)})


def _digests(texts: Sequence[str]) -> Digests:
    return digests_from(bytes.fromhex("".join(texts)))


def _suppressed_flags(members: pa.Table, suppressed: SuppressedKeys) -> npt.NDArray[np.bool_]:
    """Return a flag for each person (schema MEMBERS): true if they are suppressed."""
    flags = np.zeros(members.num_rows, np.bool_)
    for identifiers in identifiers_by_type(members).values():
        person = np.repeat(np.arange(len(flags)), identifiers.counts)
        flags[person[suppressed.contains(digest_keys(identifiers.digests))]] = True
    return flags


def _skip_flagged(part: HashedMembers, flags: npt.NDArray[np.bool_]) -> HashedMembers:
    rows = part.members["row"].filter(pa.array(flags))
    skipped = excluded_rows(rows, "skipped", Skip.SUPPRESSED.value)
    return replace(
        part,
        members=part.members.filter(pa.array(~flags)),
        excluded=pa.concat_tables([part.excluded, skipped]),
        skips=Counter({Skip.SUPPRESSED.value: len(rows)}),
    )


def _skipped(stage: StageReader, batch: OpenBatch, suppressed: SuppressedKeys) -> Iterator[BatchSlice]:
    staged = stage.events(batch.record.file, batch.record.position, batch.record.events)
    counts = pc.list_value_length(staged["digests"]).to_numpy()
    digests = digests_from(b"".join(staged["digests"].flatten().to_pylist()))
    flags = np.zeros(staged.num_rows, np.bool_)
    flags[np.repeat(np.arange(len(flags)), counts)[suppressed.contains(digest_keys(digests))]] = True
    yield from skipped_slices(batch, staged, Skip.SUPPRESSED, flags & open_flags(batch, len(flags)))
