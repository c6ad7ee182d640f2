"""The people of a query compared with an audience: who is added, who is deleted, who stays; staged as it will be sent.

1. The people are written as they come, and their identifiers by type and share.
2. Share by share, identifiers are compared with the members known: new, member already, or repeated; members that no
   row has are deleted, where the audience mirrors its query.
3. The people are gone through again, and of each what is new is staged.

Memory does not grow with the number of people; digests only are on the disk.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.disk import make_private_file, make_private_folder, sync
from connector.core.hashed import EXCLUDED_ROW, ID_TYPES, MEMBERS, HashedMembers
from connector.core.outcomes import Skip
from connector.core.route import Action
from connector.destinations.tiktok.audience.copies import Copy
from connector.destinations.tiktok.batch_data import Identifiers, units
from connector.destinations.tiktok.mapping import route_to
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

ALONE_AT_ONCE = 100_000
"""Identifiers that are put into requests together: 12 MB of JSON."""

NEW, MEMBER, REPEATED = 0, 1, 2
"""What is known of an identifier of the result."""

WANTED = np.dtype([("digest", "u1", DIGEST_BYTES), ("place", "<u8")])
PEOPLE, FLAGS, SHARE_FOLDER = "people.arrow", "flags", "identifiers"

Known = Callable[[Copy, str, int], tuple[Digests, Digests]]
"""The members of a copy, of one type in one share: those acknowledged, and the doubtful."""

Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be done to the audience: `mode`, whether members may be deleted, and rows of a request at most.

    `refill` are the numbers of copies to which an ad account was added, which needs the members; `suppressed` are
    people who are not sent again.
    """

    mode: str
    deletes: bool
    most_rows: int
    refill: frozenset[int] = frozenset()
    suppressed: KeySet | None = None


@dataclass
class CopyCounts:
    """Identifiers of one copy: `members` before, and how many are added, deleted, and sent again."""

    members: int = 0
    added: int = 0
    removed: int = 0
    resent: int = 0


@dataclass
class StagedMembers(Staged):
    """What staging counted: rows, people, and the identifiers of each copy, by its number."""

    people: int = 0
    by_copy: dict[int, CopyCounts] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """An audience takes no events."""
        return 0

    @property
    def units(self) -> int:
        """Identifiers to send."""
        return sum(batch.members for batch in self.batches)

    @property
    def added(self) -> int:
        """Identifiers that are added, over all copies."""
        return sum(one.added for one in self.by_copy.values())

    @property
    def removed(self) -> int:
        """Identifiers that are deleted, over all copies."""
        return sum(one.removed for one in self.by_copy.values())

    @property
    def resent(self) -> int:
        """Identifiers that are sent again for ad accounts that were added, over all copies."""
        return sum(one.resent for one in self.by_copy.values())

    @property
    def filled(self) -> list[CopyCounts]:
        """The copies that have members; filling another for the first time is no change of the audience."""
        return [one for one in self.by_copy.values() if one.members]

    def changes(self) -> Mapping[str, int]:
        """Return identifiers by what becomes of them."""
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
    known: Known,
    intent: Intent,
    *,
    read: OnProgress = lambda _: None,
) -> StagedMembers:
    """Stages what has to change in the copies of an audience, in the folder `directory`, which is made.

    Raises OSError where the disk fails; then nothing that was written counts.
    """
    make_private_folder(directory, exist_ok=False)
    counts = StagedMembers(by_copy={number: CopyCounts() for number in range(len(copies))})
    staging = _Staging(directory, copies, intent, counts, ExcludedRowWriter(directory, "staging"))
    try:
        staging.read(rows, read)
        staging.compare(known)
        staging.put_units()
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
    staged: StagedMembers
    excluded: ExcludedRowWriter
    identifiers: int = 0
    files: list[ChangeFile] = field(default_factory=list)
    flags_sum: int = 0
    shares: DigestPartitions = field(init=False)

    def __post_init__(self) -> None:
        self.shares = DigestPartitions(self.directory / SHARE_FOLDER, WANTED)

    def read(self, rows: Iterable[HashedMembers], told: OnProgress) -> None:
        """Writes the people, and their identifiers by share, as they come."""
        with self.shares as shares, ArrowFile(self.directory / PEOPLE, MEMBERS) as people:
            for part in rows:
                self.staged.read += part.read
                self.staged.rejects.update(part.rejects)
                self.staged.skips.update(part.skips)
                self.staged.warnings.update(part.warnings)
                self.staged.phones.update(part.phones)
                self.excluded.add(part.excluded)
                self._share_out(part.members, shares)
                for batch in part.members.combine_chunks().to_batches():
                    people.append(batch)
                told(self.staged.read)
        self.staged.warnings = +self.staged.warnings

    def _share_out(self, members: pa.Table, shares: DigestPartitions) -> None:
        self.staged.people += members.num_rows
        for name, some in people_of(members).items():
            records = np.empty(len(some.digests), WANTED)
            records["digest"] = some.digests
            records["place"] = np.arange(self.identifiers, self.identifiers + len(records), dtype=np.uint64)
            self.identifiers += len(records)
            shares.add(name, records)

    def compare(self, known: Known) -> None:
        """Says of each identifier, for each copy, whether it is new, and stages those that are to be deleted."""
        flags = self._flags("w+")
        with (
            ChangeFile(self.directory, RESENT, self.intent.most_rows) as resent,
            ChangeFile(self.directory, DELETED, self.intent.most_rows) as deleted,
        ):
            for number in range(len(self.copies)):
                for name in ID_TYPES:
                    for share in range(PARTITIONS):
                        self._compare(flags[number], number, name, share, known, resent, deleted)
            resent.finish()
            deleted.finish()
        self.flags_sum = checksum(flags)
        self.files = [resent, deleted]

    def _compare(
        self, flags: Flags, number: int, name: str, share: int, known: Known, resent: ChangeFile, deleted: ChangeFile
    ) -> None:
        wanted = self.shares.read(name, share)
        copy, counts = self.copies[number], self.staged.by_copy[number]
        members, doubtful = known(copy, name, share)
        counts.members += len(members)
        more = self._members_elsewhere(number, name, share, known)
        if not len(wanted) and not len(members) and not len(doubtful) and not len(more):
            return
        order = sort_positions(wanted["digest"])
        ordered = wanted["digest"][order]
        again = repeats_previous(ordered)
        there = KeySet(digest_keys(members)).contains(digest_keys(ordered)) & ~again
        if self.intent.mode == "remove":
            there[:] = False
        found = np.select([again, there], [REPEATED, MEMBER], NEW).astype(np.uint8)
        flags[wanted["place"][order].astype(np.int64)] = found
        self.staged.unchanged += int(np.count_nonzero(there))
        among = KeySet(digest_keys(ordered))
        stay = members
        if self.intent.deletes:
            every = distinct(np.concatenate([members, doubtful]))
            gone = every[~among.contains(digest_keys(every))]
            stay = members[among.contains(digest_keys(members))]
            counts.removed += len(gone)
            _put_alone(deleted, Action.DELETE, copy, name, gone)
        if number in self.intent.refill:
            stay = self._not_suppressed(stay)
            counts.resent += len(stay)
            _put_alone(resent, Action.RESEND, copy, name, stay)
            more = self._not_suppressed(
                more[~among.contains(digest_keys(more)) & ~KeySet(digest_keys(members)).contains(digest_keys(more))]
            )
            counts.added += len(more)
            _put_alone(resent, Action.ADD, copy, name, more)

    def _members_elsewhere(self, number: int, name: str, share: int, known: Known) -> Digests:
        """Members of the first copy that a copy in another business has to get, although no row names them."""
        if number and number in self.intent.refill and not self.intent.deletes:
            return known(self.copies[0], name, share)[0]
        return np.empty((0, DIGEST_BYTES), np.uint8)

    def _not_suppressed(self, digests: Digests) -> Digests:
        suppressed = self.intent.suppressed
        return digests if suppressed is None else digests[~suppressed.contains(digest_keys(digests))]

    def put_units(self) -> None:
        """Stages of each person what is new, and counts who is left out."""
        flags = self._flags("r")
        if checksum(flags) != self.flags_sum:
            raise CorruptStage(f"{self.directory / FLAGS} is damaged")
        place = 0
        with ChangeFile(self.directory, ADDED, self.intent.most_rows) as added:
            for members in self._people():
                people = people_of(members)
                here = {}
                for name, some in people.items():
                    here[name] = flags[:, place : place + len(some.digests)]
                    place += len(some.digests)
                self._put(added, members["row"], people, here)
            added.finish()
        self.files = [added, *self.files]

    def _put(self, added: ChangeFile, rows: pa.Array, people: dict[str, Identifiers], flags: dict[str, Flags]) -> None:
        action = Action.DELETE if self.intent.mode == "remove" else Action.ADD
        chosen = [
            {name: _where(some, flags[name][number] == NEW) for name, some in people.items()}
            for number in range(len(self.copies))
        ]
        has = np.stack([sum(some.counts for some in one.values()) > 0 for one in chosen])
        last = len(has) - 1 - np.argmax(has[::-1], axis=0)
        for number, (copy, new) in enumerate(zip(self.copies, chosen, strict=True)):
            counted = has[number] & (last == number)
            made = units(new, _row_lists(rows, counted), copy.audience_id)
            if made.table.num_rows:
                added.add(route_to(action, ID_TYPES, copy.audience_id), made.table, made.row_counts)
            count = sum(len(some.digests) for some in new.values())
            if action is Action.ADD:
                self.staged.by_copy[number].added += count
            else:
                self.staged.by_copy[number].removed += count
        self._leave_out(rows, people, flags, np.asarray(~has.any(axis=0)))

    def _leave_out(
        self, rows: pa.Array, people: dict[str, Identifiers], flags: dict[str, Flags], left: npt.NDArray[np.bool_]
    ) -> None:
        if not left.any():
            return
        member = np.zeros(len(left), np.bool_)
        for name, some in people.items():
            there = (flags[name] == MEMBER).any(axis=0)
            member |= _where(some, there).counts > 0
        for reason, some_rows in ((Skip.ALREADY_MEMBER, left & member), (Skip.DUPLICATE, left & ~member)):
            self._skip(reason, rows.filter(pa.array(some_rows)))

    def _skip(self, reason: Skip, rows: pa.Array) -> None:
        count = len(rows)
        if not count:
            return
        self.staged.skips[reason.value] += count
        same = [pa.repeat("skipped", count), pa.repeat(reason.value, count)]
        said = [pa.nulls(count, pa.int32()), pa.nulls(count, pa.string()), pa.repeat("{}", count)]
        self.excluded.add(pa.table([rows, *same, *said], schema=EXCLUDED_ROW))

    def finish(self) -> None:
        """Numbers the batches: deletions last, so that no audience is ever smaller than it has to be."""
        self.excluded.close()
        staged = (
            (batch, members) for file in self.files for batch, members in zip(file.batches, file.members, strict=True)
        )
        self.staged.batches = [
            BatchRecord(number, one.route, one.file, one.index, one.events, one.rows, members)
            for number, (one, members) in enumerate(staged)
        ]
        self.shares.remove()
        for name in (PEOPLE, FLAGS):
            (self.directory / name).unlink(missing_ok=True)

    def _flags(self, mode: str) -> Flags:
        shape = (len(self.copies), max(self.identifiers, 1))
        make_private_file(self.directory / FLAGS)
        return np.memmap(self.directory / FLAGS, np.uint8, mode=mode, shape=shape)  # type: ignore[call-overload,no-any-return]

    def _people(self) -> Iterator[pa.RecordBatch]:
        with closing(OpenFiles(self.directory)) as files:
            yield from files.batches(PEOPLE)


def _put_alone(file: ChangeFile, action: Action, copy: Copy, name: str, digests: Digests) -> None:
    """Stages identifiers of one type, each by itself and of no row."""
    for start in range(0, len(digests), ALONE_AT_ONCE):
        some = digests[start : start + ALONE_AT_ONCE]
        alone = {name: Identifiers(np.ones(len(some), np.int64), some)}
        no_rows = pa.ListArray.from_arrays(pa.array(np.zeros(len(some) + 1, np.int32)), pa.array([], pa.int64()))
        made = units(alone, no_rows, copy.audience_id, (name,))
        file.add(route_to(action, (name,), copy.audience_id), made.table, made.row_counts)


def people_of(members: pa.Table | pa.RecordBatch) -> dict[str, Identifiers]:
    """By type, the identifiers of the people (schema MEMBERS)."""
    return {name: _identifiers(members[name]) for name in ID_TYPES}


def _identifiers(lists: pa.ChunkedArray | pa.ListArray) -> Identifiers:
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = whole.offsets.to_numpy()
    flat = whole.flatten()
    data = np.frombuffer(flat.buffers()[1] or b"", np.uint8).reshape(-1, DIGEST_BYTES)
    return Identifiers(np.diff(offsets).astype(np.int64), data[flat.offset : flat.offset + len(flat)])


def _where(some: Identifiers, chosen: npt.NDArray[np.bool_]) -> Identifiers:
    """Those identifiers that are chosen."""
    person = np.repeat(np.arange(len(some.counts)), some.counts)[chosen]
    return Identifiers(np.bincount(person, minlength=len(some.counts)).astype(np.int64), some.digests[chosen])


def _row_lists(rows: pa.Array, counted: npt.NDArray[np.bool_]) -> pa.ListArray:
    """A list of one row where it is counted, else an empty one."""
    offsets = np.r_[0, np.cumsum(counted)].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), rows.filter(pa.array(counted)))
