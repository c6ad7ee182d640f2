"""People who are to be forgotten are added to no audience, and are taken out of those that they are in."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.config.project import Project
from connector.core.hashed import EXCLUDED_ROW, ID_TYPES, HashedMembers
from connector.core.outcomes import Skip
from connector.core.route import Action
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.context import RunContext
from connector.destinations.tiktok.audience.copies import destination_of_audience
from connector.destinations.tiktok.audience.membership import settle_changes
from connector.destinations.tiktok.audience.stage import people_of
from connector.destinations.tiktok.batch_data import Identifiers, units
from connector.destinations.tiktok.mapping import route_to
from connector.destinations.tiktok.service import open_audience_service
from connector.errors import ConnectorError
from connector.ledger.batch_records import BatchSlice, OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.members import AudienceRecord, MemberPartition
from connector.observer import Silent
from connector.staging.recheck import open_flags, skipped_slices
from connector.staging.storage.digest_partitions import Digests, digest_keys, digest_partitions, digests_from
from connector.staging.storage.prefix_filter import KeySet
from connector.staging.storage.reader import StageReader

NO_ROWS = pa.ListArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array([], pa.int64()))


def suppressed_by(ledger: Ledger) -> KeySet | None:
    """Those on the ledger's list; None where it is empty."""
    digests = ledger.suppression.digests()
    return KeySet(digest_keys(_digests(digests))) if digests else None


def without_suppressed(rows: Iterable[HashedMembers], suppressed: KeySet | None) -> Iterator[HashedMembers]:
    """The rows but for those of people who are to be forgotten, which count as skipped."""
    if suppressed is None:
        yield from rows
        return
    for part in rows:
        about = _about(part.members, suppressed)
        yield _split(part, about) if about.any() else part


def skip_suppressed(at: RunContext, run_id: str) -> None:
    """Skips the open additions of a staged run that are about people who are to be forgotten since."""
    suppressed = suppressed_by(at.ledger)
    if suppressed is None:
        return
    with StageReader(at.directory(run_id)) as stage:
        for batch in at.ledger.batches.open(run_id):
            if batch.record.route.operation.action is not Action.DELETE:
                for part in _skipped(stage, batch, suppressed):
                    at.ledger.batches.settled(run_id, part)


def remove_from_audiences(project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Deletes a person from every audience under the target that is known to hold one of the digests (64 hex digits).

    Gives for each what was done, or why not. Where TikTok could not be asked, a run that mirrors its query does it.
    """
    for audience in ledger.members.audiences(project.target):
        found = _found(ledger, audience, digests, sent=True)
        if not found:
            continue
        try:
            with ledger.lock(project.state_directory, f"the audience {audience.audience_id}", project.target):
                settle_changes(ledger, audience.key, project.state_directory)
                found = _found(ledger, audience, digests)
                for name, some in found.items():
                    _delete(project, ledger, audience, name, some)
        except ConnectorError as error:
            yield {**_named(audience, found), "removed": False, "error": error.message}
        else:
            if found:
                yield {**_named(audience, found), "removed": True}


def _named(audience: AudienceRecord, found: Mapping[str, Digests]) -> dict[str, Any]:
    count = sum(len(some) for some in found.values())
    return {"audience": audience.name, "audience_id": audience.audience_id, "identifiers": count}


def _found(
    ledger: Ledger, audience: AudienceRecord, digests: Sequence[str], *, sent: bool = False
) -> dict[str, Digests]:
    """By type those of the digests that are members, or may be; with `sent` also those in changes not settled yet."""
    changed = _changed(ledger, audience, digests) if sent else frozenset()
    found = {name: _members(ledger, audience, name, digests, changed) for name in ("email", "phone")}
    return {name: some for name, some in found.items() if len(some)}


def _changed(ledger: Ledger, audience: AudienceRecord, digests: Sequence[str]) -> frozenset[tuple[str, str]]:
    """By type those of the digests that are in what was sent and is not settled into the members yet."""
    wanted, found = KeySet(digest_keys(_digests(digests))), set()
    for _, settled in ledger.members.changes(audience.key):
        sent = digests_from(settled.change.digests)
        for place in np.flatnonzero(wanted.contains(digest_keys(sent))):
            found.add((ID_TYPES[settled.change.id_types[place]], sent[place].tobytes().hex()))
    return frozenset(found)


def _members(
    ledger: Ledger, audience: AudienceRecord, id_type: str, digests: Sequence[str], changed: Set[tuple[str, str]]
) -> Digests:
    """Those of the digests that are members, or may be, or are `changed`."""
    found = []
    for digest in digests:
        one = _digests([digest])
        share = ledger.members.partition(audience.key, id_type, int(digest_partitions(one)[0]))
        there = np.concatenate([digests_from(share.digests), digests_from(share.doubtful)])
        if (id_type, digest) in changed or KeySet(digest_keys(there)).contains(digest_keys(one)).any():
            found.append(one)
    return np.concatenate(found) if found else _digests([])


def _delete(project: Project, ledger: Ledger, audience: AudienceRecord, id_type: str, digests: Digests) -> None:
    destination = destination_of_audience(project, audience)
    if destination is None:
        raise ConnectorError("No destination goes there any more, so TikTok could not be asked to delete it.")
    with open_audience_service(destination, project.state_directory, Silent(), threading.Event()) as service:
        batch = _batch(audience, id_type, digests)
        with service.mapping({audience.audience_id: audience.advertiser_ids}) as client:
            answer = service.repeat(lambda: client.attempt(batch))
    if answer.verdict is not Verdict.ACCEPTED:
        raise ConnectorError(f"TikTok did not delete it: {answer.message}")
    for one in digests:
        _forget(ledger, audience, id_type, one.reshape(1, -1))


def _batch(audience: AudienceRecord, id_type: str, digests: Digests) -> Batch:
    alone = {id_type: Identifiers(np.array([len(digests)]), digests)}
    made = units(alone, NO_ROWS, audience.audience_id, (id_type,))
    route = route_to(Action.DELETE, (id_type,), audience.audience_id)
    return Batch(0, route, 1, 0, made.table["payload"][0].as_py().encode())


def _forget(ledger: Ledger, audience: AudienceRecord, id_type: str, digest: Digests) -> None:
    share, gone = int(digest_partitions(digest)[0]), KeySet(digest_keys(digest))
    before = ledger.members.partition(audience.key, id_type, share)
    kept = [digests_from(some) for some in (before.digests, before.doubtful)]
    left = [some[~gone.contains(digest_keys(some))].tobytes() for some in kept]
    ledger.members.replace(audience.key, {(id_type, share): MemberPartition(*left)})


def _digests(texts: Sequence[str]) -> Digests:
    return digests_from(bytes.fromhex("".join(texts)))


def _about(members: pa.Table, suppressed: KeySet) -> npt.NDArray[np.bool_]:
    """Of each person (schema MEMBERS), whether they are to be forgotten."""
    about = np.zeros(members.num_rows, np.bool_)
    for some in people_of(members).values():
        about[np.repeat(np.arange(len(about)), some.counts)[suppressed.contains(digest_keys(some.digests))]] = True
    return about


def _split(part: HashedMembers, about: npt.NDArray[np.bool_]) -> HashedMembers:
    rows = part.members["row"].filter(pa.array(about))
    count = len(rows)
    same = [pa.repeat("skipped", count), pa.repeat(Skip.SUPPRESSED.value, count)]
    nothing = [pa.nulls(count, pa.int32()), pa.nulls(count, pa.string()), pa.repeat("{}", count)]
    left_out = pa.concat_tables([part.excluded, pa.table([rows, *same, *nothing], schema=EXCLUDED_ROW)])
    kept = part.members.filter(pa.array(~about))
    return replace(part, members=kept, excluded=left_out, skips=Counter({Skip.SUPPRESSED.value: count}))


def _skipped(stage: StageReader, batch: OpenBatch, suppressed: KeySet) -> Iterator[BatchSlice]:
    staged = stage.events(batch.record.file, batch.record.position, batch.record.events)
    counts = pc.list_value_length(staged["digests"]).to_numpy()
    digests = digests_from(b"".join(staged["digests"].flatten().to_pylist()))
    about = np.zeros(staged.num_rows, np.bool_)
    about[np.repeat(np.arange(len(about)), counts)[suppressed.contains(digest_keys(digests))]] = True
    yield from skipped_slices(batch, staged, Skip.SUPPRESSED, about & open_flags(batch, len(about)))
