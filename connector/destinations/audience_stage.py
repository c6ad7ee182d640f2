"""Compare the people of a query with the members of an audience, and stage the changes.

1. Write the people as they come, and their identifiers by type and partition.
2. Compare each partition with the known members: an identifier is new, a member already, or repeated. Members that no
   row has are deleted if the audience mirrors its query.
3. Read the people again, and stage the new identifiers of each.

Memory does not grow with the number of people. The files contain only digests.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.disk import make_private_file, make_private_folder, sync
from connector.core.hashed_rows import ID_TYPES, MEMBERS, HashedMembers, excluded_rows
from connector.core.outcomes import Skip
from connector.core.route import Action
from connector.destinations.audience_membership import Copy, MemberLookup
from connector.destinations.audience_payloads import Identifiers, MakePayloads, identifiers_by_type, route_to
from connector.errors import CorruptStage
from connector.ledger.batch_records import BatchRecord
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.staging.stage import OnProgress
from connector.staging.staged import Staged
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.change_file import ADDED, DELETED, RESENT, ChangeFile
from connector.staging.storage.checksums import checksum
from connector.staging.storage.digest_partitions import (
    DIGEST_BYTES,
    PARTITIONS,
    DigestPartitions,
    Digests,
    digest_keys,
    distinct,
    repeats_previous,
    sort_positions,
)
from connector.staging.storage.open_files import OpenFiles
from connector.staging.storage.prefix_filter import KeySet

if TYPE_CHECKING:
    from connector.destinations.audience_suppression import SuppressedKeys

UNITS_AT_ONCE = 100_000
"""Identifiers that are encoded at once: 12 MB of JSON."""

NEW, MEMBER, REPEATED = 0, 1, 2
"""States of an identifier of the result."""

WANTED = np.dtype([("digest", "u1", DIGEST_BYTES), ("place", "<u8")])
PEOPLE, FLAGS, PARTITION_FOLDER = "people.arrow", "flags", "identifiers"

Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Intent:
    """The intended changes of the audience."""

    mode: str
    deletes: bool
    """True if members may be deleted."""
    most_rows: int
    """The most rows of units in a request."""
    refill: frozenset[int] = frozenset()
    """Numbers of the copies with an added ad account, which needs all members."""
    suppressed: "SuppressedKeys | None" = None
    """People who are not sent again."""


@dataclass
class CopyCounts:
    """Numbers of identifiers of one copy: members before the run, added, removed, and sent again."""

    members: int = 0
    added: int = 0
    removed: int = 0
    resent: int = 0


@dataclass
class StagedMembers(Staged):
    """The counts of a stage: rows, people, and the identifiers of each copy, by its number."""

    people: int = 0
    by_copy: dict[int, CopyCounts] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """0: an audience takes no events."""
        return 0

    @property
    def units(self) -> int:
        """Identifiers to send."""
        return sum(batch.members for batch in self.batches)

    @property
    def added(self) -> int:
        """Identifiers that are added to all copies."""
        return sum(counts.added for counts in self.by_copy.values())

    @property
    def removed(self) -> int:
        """Identifiers that are deleted from all copies."""
        return sum(counts.removed for counts in self.by_copy.values())

    @property
    def resent(self) -> int:
        """Identifiers that are sent again to all copies for added ad accounts."""
        return sum(counts.resent for counts in self.by_copy.values())

    @property
    def filled(self) -> list[CopyCounts]:
        """The copies with members; filling another one for the first time does not change the audience."""
        return [counts for counts in self.by_copy.values() if counts.members]

    def changes(self) -> Mapping[str, int]:
        """Return the numbers of identifiers by their change."""
        return {
            "added": self.added,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "sent_again": self.resent,
        }


def stage_members(
    rows: Iterable[HashedMembers],
    directory: Path,
    copies: Sequence[Copy],
    lookup: MemberLookup,
    intent: Intent,
    make_payloads: MakePayloads,
    *,
    on_progress: OnProgress = lambda _: None,
    is_shared: bool = False,
) -> StagedMembers:
    """Stage the changes of the copies of an audience in the folder `directory`, which is created unless it `is_shared`.

    Raises OSError if the disk fails; then nothing that was written counts.
    """
    make_private_folder(directory, exist_ok=is_shared)
    counts = StagedMembers(by_copy={number: CopyCounts() for number in range(len(copies))})
    staging = _Staging(directory, copies, intent, make_payloads, counts, ExcludedRowWriter(directory, "staging"))
    try:
        staging.read(rows, on_progress)
        staging.compare(lookup)
        staging.stage_new()
        staging.finish()
    finally:
        staging.excluded.discard()
    for folder in (directory, directory.parent, directory.parent.parent):
        sync(folder)
    return staging.staged


@dataclass
class _Staging:
    directory: Path
    copies: Sequence[Copy]
    intent: Intent
    make_payloads: MakePayloads
    staged: StagedMembers
    excluded: ExcludedRowWriter
    identifiers: int = 0
    files: list[ChangeFile] = field(default_factory=list)
    flags_checksum: int = 0
    partitions: DigestPartitions = field(init=False)

    def __post_init__(self) -> None:
        self.partitions = DigestPartitions(self.directory / PARTITION_FOLDER, WANTED)

    def read(self, rows: Iterable[HashedMembers], on_progress: OnProgress) -> None:
        """Write the people, and their identifiers by partition, as they come."""
        with self.partitions as partitions, ArrowFile(self.directory / PEOPLE, MEMBERS) as people:
            for part in rows:
                self.staged.count(part)
                self.excluded.add(part.excluded)
                self._add_identifiers(part.members, partitions)
                for batch in part.members.combine_chunks().to_batches():
                    people.append(batch)
                on_progress(self.staged.read)
        self.staged.warnings = +self.staged.warnings

    def _add_identifiers(self, members: pa.Table, partitions: DigestPartitions) -> None:
        self.staged.people += members.num_rows
        for name, identifiers in identifiers_by_type(members).items():
            records = np.empty(len(identifiers.digests), WANTED)
            records["digest"] = identifiers.digests
            records["place"] = np.arange(self.identifiers, self.identifiers + len(records), dtype=np.uint64)
            self.identifiers += len(records)
            partitions.add(name, records)

    def compare(self, lookup: MemberLookup) -> None:
        """Flag each identifier for each copy as new, member or repeated, and stage the deletions."""
        flags = self._flags("w+")
        with (
            ChangeFile(self.directory, RESENT, self.intent.most_rows) as resent,
            ChangeFile(self.directory, DELETED, self.intent.most_rows) as deleted,
        ):
            for number in range(len(self.copies)):
                for name in ID_TYPES:
                    for partition in range(PARTITIONS):
                        self._compare(flags[number], number, name, partition, lookup, resent, deleted)
            resent.finish()
            deleted.finish()
        self.flags_checksum = checksum(flags)
        self.files = [resent, deleted]

    def _compare(
        self,
        flags: Flags,
        number: int,
        name: str,
        partition: int,
        lookup: MemberLookup,
        resent: ChangeFile,
        deleted: ChangeFile,
    ) -> None:
        wanted = self.partitions.read(name, partition)
        copy, counts = self.copies[number], self.staged.by_copy[number]
        members, doubtful = lookup(copy, name, partition)
        counts.members += len(members)
        others = self._members_of_first_copy(number, name, partition, lookup)
        if not len(wanted) and not len(members) and not len(doubtful) and not len(others):
            return
        order = sort_positions(wanted["digest"])
        ordered = wanted["digest"][order]
        is_repeated = repeats_previous(ordered)
        is_member = KeySet(digest_keys(members)).contains(digest_keys(ordered)) & ~is_repeated
        if self.intent.mode == "remove":
            is_member[:] = False
        states = np.select([is_repeated, is_member], [REPEATED, MEMBER], NEW).astype(np.uint8)
        flags[wanted["place"][order].astype(np.int64)] = states
        self.staged.unchanged += int(np.count_nonzero(is_member))
        wanted_keys = KeySet(digest_keys(ordered))
        remaining = members
        if self.intent.deletes:
            known = distinct(np.concatenate([members, doubtful]))
            removed = known[~wanted_keys.contains(digest_keys(known))]
            remaining = members[wanted_keys.contains(digest_keys(members))]
            counts.removed += len(removed)
            self._add_single_units(deleted, Action.DELETE, copy, name, removed)
        if number in self.intent.refill:
            remaining = self._not_suppressed(remaining)
            counts.resent += len(remaining)
            self._add_single_units(resent, Action.RESEND, copy, name, remaining)
            is_missing = ~wanted_keys.contains(digest_keys(others))
            is_missing &= ~KeySet(digest_keys(members)).contains(digest_keys(others))
            missing = self._not_suppressed(others[is_missing])
            counts.added += len(missing)
            self._add_single_units(resent, Action.ADD, copy, name, missing)

    def _members_of_first_copy(self, number: int, name: str, partition: int, lookup: MemberLookup) -> Digests:
        """Return the members of the first copy if a copy in another business needs them although no row has them."""
        if number and number in self.intent.refill and not self.intent.deletes:
            return lookup(self.copies[0], name, partition)[0]
        return np.empty((0, DIGEST_BYTES), np.uint8)

    def _not_suppressed(self, digests: Digests) -> Digests:
        suppressed = self.intent.suppressed
        return digests if suppressed is None else digests[~suppressed.contains(digest_keys(digests))]

    def _add_single_units(self, file: ChangeFile, action: Action, copy: Copy, name: str, digests: Digests) -> None:
        """Stage a unit without a row for each identifier of one type."""
        for start in range(0, len(digests), UNITS_AT_ONCE):
            part = digests[start : start + UNITS_AT_ONCE]
            single = {name: Identifiers(np.ones(len(part), np.int64), part)}
            no_rows = pa.ListArray.from_arrays(pa.array(np.zeros(len(part) + 1, np.int32)), pa.array([], pa.int64()))
            units = self.make_payloads(single, no_rows, copy.audience_id, (name,))
            file.add(route_to(action, (name,), copy.audience_id), units.table, units.row_counts)

    def stage_new(self) -> None:
        """Stage the new identifiers of each person, and exclude the rows that have none."""
        flags = self._flags("r")
        if checksum(flags) != self.flags_checksum:
            raise CorruptStage(f"{self.directory / FLAGS} is damaged")
        place = 0
        with ChangeFile(self.directory, ADDED, self.intent.most_rows) as added:
            for members in self._people():
                people = identifiers_by_type(members)
                own_flags = {}
                for name, identifiers in people.items():
                    own_flags[name] = flags[:, place : place + len(identifiers.digests)]
                    place += len(identifiers.digests)
                self._add_units(added, members["row"], people, own_flags)
            added.finish()
        self.files = [added, *self.files]

    def _add_units(
        self, added: ChangeFile, rows: pa.Array, people: dict[str, Identifiers], flags: dict[str, Flags]
    ) -> None:
        action = Action.DELETE if self.intent.mode == "remove" else Action.ADD
        new_of_copy = [
            {name: _filtered(identifiers, flags[name][number] == NEW) for name, identifiers in people.items()}
            for number in range(len(self.copies))
        ]
        has_new = np.stack([sum(identifiers.counts for identifiers in new.values()) > 0 for new in new_of_copy])
        last = len(has_new) - 1 - np.argmax(has_new[::-1], axis=0)
        for number, (copy, new) in enumerate(zip(self.copies, new_of_copy, strict=True)):
            counted = has_new[number] & (last == number)
            units = self.make_payloads(new, _row_lists(rows, counted), copy.audience_id, ID_TYPES)
            if units.table.num_rows:
                added.add(route_to(action, ID_TYPES, copy.audience_id), units.table, units.row_counts)
            count = sum(len(identifiers.digests) for identifiers in new.values())
            if action is Action.ADD:
                self.staged.by_copy[number].added += count
            else:
                self.staged.by_copy[number].removed += count
        self._exclude(rows, people, flags, np.asarray(~has_new.any(axis=0)))

    def _exclude(
        self,
        rows: pa.Array,
        people: dict[str, Identifiers],
        flags: dict[str, Flags],
        without_new: npt.NDArray[np.bool_],
    ) -> None:
        if not without_new.any():
            return
        is_member = np.zeros(len(without_new), np.bool_)
        for name, identifiers in people.items():
            is_member |= _filtered(identifiers, (flags[name] == MEMBER).any(axis=0)).counts > 0
        self._skip(Skip.ALREADY_MEMBER, rows.filter(pa.array(without_new & is_member)))
        self._skip(Skip.DUPLICATE, rows.filter(pa.array(without_new & ~is_member)))

    def _skip(self, reason: Skip, rows: pa.Array) -> None:
        if len(rows):
            self.staged.skips[reason.value] += len(rows)
            self.excluded.add(excluded_rows(rows, "skipped", reason.value))

    def finish(self) -> None:
        """Assign numbers to the batches: deletions last, so that no audience is ever smaller than necessary."""
        self.excluded.close()
        staged = (
            (batch, members) for file in self.files for batch, members in zip(file.batches, file.members, strict=True)
        )
        self.staged.batches = [
            BatchRecord(number, batch.route, batch.file, batch.index, batch.events, batch.rows, members)
            for number, (batch, members) in enumerate(staged)
        ]
        self.partitions.remove()
        for name in (PEOPLE, FLAGS):
            (self.directory / name).unlink(missing_ok=True)

    def _flags(self, mode: str) -> Flags:
        shape = (len(self.copies), max(self.identifiers, 1))
        make_private_file(self.directory / FLAGS)
        return np.memmap(self.directory / FLAGS, np.uint8, mode=mode, shape=shape)  # type: ignore[call-overload,no-any-return]

    def _people(self) -> Iterator[pa.RecordBatch]:
        with closing(OpenFiles(self.directory)) as files:
            yield from files.batches(PEOPLE)


def _filtered(identifiers: Identifiers, flags: npt.NDArray[np.bool_]) -> Identifiers:
    """Return the flagged identifiers."""
    counts = identifiers.counts
    person = np.repeat(np.arange(len(counts)), counts)[flags]
    return Identifiers(np.bincount(person, minlength=len(counts)).astype(np.int64), identifiers.digests[flags])


def _row_lists(rows: pa.Array, counted: npt.NDArray[np.bool_]) -> pa.ListArray:
    """Return a list for each row, with the row if it is counted, else empty."""
    offsets = np.r_[0, np.cumsum(counted)].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), rows.filter(pa.array(counted)))
