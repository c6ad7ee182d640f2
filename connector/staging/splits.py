"""Stage a result in splits: a task stages each split by itself, and the stage of the whole result adopts them in order.

A split is staged in a folder of its own: its events, their keys, and its excluded rows, with rows numbered from 1. Only
keys, excluded rows and counts are read to adopt it. Its row numbers become those of the whole result by adding the rows
of the splits before it: those of excluded rows at once, those of events whenever a batch is read.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import make_private_file, sync
from connector.core.hashed_rows import EXCLUDED_ROW, HashedRows, PhoneCounts
from connector.core.route import Route
from connector.errors import CorruptStage
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.staging.staged import Staged
from connector.staging.storage.batcher import DEFAULT_LIMITS, BatchLimits
from connector.staging.storage.checksums import checksum
from connector.staging.storage.key_file import EventNumbers, KeyFile
from connector.staging.storage.keys import Keys, keys_from
from connector.staging.storage.open_files import OpenFiles
from connector.staging.storage.reader import FIRST_ROWS
from connector.staging.storage.shared_folder import SharedFolder
from connector.staging.storage.writer import EventsFile, StagedBatch
from connector.transform.changes import EventChanges
from connector.transform.suppression_filter import SuppressionFilter

EVENTS_FILE = "events.arrow"
BATCHES_FILE = "batches"
REMOVED_FILE = "removed"
"""The numbers of events that a task has merged into others, of which it is the only one to write."""
KEY_FILES = ("event-keys", "barred-keys", "undecided-keys", "orphan-numbers")
EXCLUDED_FILE = "left-out/staging.parquet"
_BATCH = np.dtype([("route", "<u4"), ("events", "<u4"), ("rows", "<u4"), ("suppressed", "?")])
_AT_ONCE = 4 << 20
"""Bytes of a file of keys that are read at once."""

Batches = npt.NDArray[np.void]
"""Batches of a split (dtype _BATCH), in the order of its file of events."""


@dataclass(frozen=True, slots=True)
class StagedSplit:
    """A split that a task has staged."""

    folder: str
    """Its folder in the shared folder of the run."""
    summary: Mapping[str, Any]
    """Its counts, routes and checksums, as `stage_split` returns them."""


def stage_split(
    rows: Iterable[HashedRows],
    directory: Path,
    *,
    suppressed: SuppressionFilter,
    limits: BatchLimits = DEFAULT_LIMITS,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Stage the rows of a split in the folder `directory`, and return a JSON object with what the ledger keeps of it.

    No identifier of a suppressed person is written. Raises OSError if the disk fails.
    """
    with SplitWriter(directory, suppressed, limits) as writer:
        for part in rows:
            writer.staged.count(part)
            writer.exclude(part.excluded)
            writer.keys.block(part.blocked_keys)
            writer.keys.add_undecided(part.undecided)
            writer.keys.add_orphans(part.orphans)
            for events in part.events:
                writer.add(events)
            on_progress(writer.staged.read)
        return writer.finish()


class SplitWriter:
    """Writes the folder of a task: events, their keys, and excluded rows."""

    def __init__(self, directory: Path, suppressed: SuppressionFilter, limits: BatchLimits) -> None:
        self.keys, self.staged = KeyFile(directory), Staged()
        self._directory, self._suppressed = directory, suppressed
        self._excluded = ExcludedRowWriter(directory, "staging")
        self._file = _SplitFile(directory, self.keys, limits, suppressed)
        self.add = self._file.add
        """Add events of one route."""

    def change(self, changes: EventChanges) -> None:
        """Add changed events, with their excluded rows, and add the changes to the counts."""
        self.staged.change(changes)
        for rows in changes.excluded:
            self.exclude(rows)
        for events in changes.events:
            self.add(events)

    def exclude(self, rows: pa.Table) -> None:
        """Add excluded rows (schema EXCLUDED_ROW)."""
        self._excluded.add(self._suppressed.redact(rows))

    def finish(self) -> dict[str, Any]:
        """Close all files, and return the summary. Raises OSError if the disk fails."""
        self._file.finish()
        self._excluded.close()
        self.keys.close()
        write_private(self._directory / BATCHES_FILE, self._file.described().tobytes())
        routes = [[route.resource_type, route.resource_id] for route in self._file.routes]
        return {**counts_as_json(self.staged), "routes": routes, "files": checksums(self._directory)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Close the file of events, however the block ended."""
        self._file.__exit__(kind, error, trace)


class _SplitFile(EventsFile):
    """The events of a split, and which of its batches may be about suppressed people."""

    def __init__(self, directory: Path, keys: KeyFile, limits: BatchLimits, suppressed: SuppressionFilter) -> None:
        super().__init__(directory, EVENTS_FILE, keys, limits)
        self._suppressed = suppressed
        self._flags: list[bool] = []
        self.routes: dict[Route, int] = {}

    def write(self, route: Route, batch: pa.RecordBatch) -> None:
        """Write the batch of one request."""
        super().write(route, batch)
        self.routes.setdefault(route, len(self.routes))
        self._flags.append(bool(self._suppressed) and bool(self._suppressed.match_events(batch).any()))

    def described(self) -> Batches:
        """Return the batches (dtype _BATCH)."""
        described = zip(self.batches, self._flags, strict=True)
        values = [(self.routes[batch.route], batch.events, batch.rows, flag) for batch, flag in described]
        return np.array(values, _BATCH)


def counts_as_json(staged: Staged) -> dict[str, Any]:
    """Return the counts of a stage as a JSON object."""
    return {
        "read": staged.read,
        "rejects": dict(staged.rejects),
        "skips": dict(staged.skips),
        "warnings": dict(staged.warnings),
        "identical_value": {currency: str(value) for currency, value in staged.identical_value.items()},
        "phones": {"given": dict(staged.phones.given), "invalid": dict(staged.phones.invalid)},
    }


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """The counts of a staged split; see `Staged`."""

    read: int
    rejects: Counter[str]
    skips: Counter[str]
    warnings: Counter[str]
    phones: PhoneCounts
    identical_value: Mapping[str, Decimal]


def counts_of(summary: Mapping[str, Any]) -> SplitCounts:
    """Return the counts in a summary, as `counts_as_json` writes them."""
    phones = summary["phones"]
    return SplitCounts(
        summary["read"],
        Counter(summary["rejects"]),
        Counter(summary["skips"]),
        Counter(summary["warnings"]),
        PhoneCounts(Counter(phones["given"]), Counter(phones["invalid"])),
        {currency: Decimal(value) for currency, value in summary["identical_value"].items()},
    )


class RunTasks(Protocol):
    """Runs tasks of one kind, one for each place (a JSON object)."""

    def __call__(self, kind: str, places: Sequence[Mapping[str, Any]]) -> list[StagedSplit]:
        """Return what each task has staged, in the order of the places."""


@dataclass(frozen=True, slots=True)
class StagedSplits:
    """The splits of a result, in order, in the shared folder of the run."""

    directory: Path
    """The folder of the run on this machine, which is linked to the shared one."""
    shared: SharedFolder
    """The shared folder of the run."""
    splits: Sequence[StagedSplit]
    """The splits, in the order of the result."""
    run_tasks: "RunTasks | None" = None
    """Runs tasks on all machines, for work that would take one machine too long."""
    are_current: bool = True
    """False if some were staged for an earlier process: people may have been suppressed since."""

    def open_files(self) -> OpenFiles:
        """Return the files of record batches, by `FOLDER/NAME`."""
        return OpenFiles(self.directory)

    def first_rows(self) -> dict[str, int]:
        """Return for each folder the number of rows in the splits before it."""
        first, found = 0, {}
        for split in self.splits:
            found[split.folder] = first
            first += split.summary["read"]
        return found

    def write_first_rows(self, directory: Path) -> None:
        """Write `first_rows` where readers of the stage find it."""
        write_private(directory / FIRST_ROWS, json.dumps(self.first_rows()).encode())

    def counts(self, split: StagedSplit) -> SplitCounts:
        """Return the counts of a split."""
        return counts_of(split.summary)

    def removed(self, split: StagedSplit) -> EventNumbers:
        """Return the numbers of the events that a task has merged into others."""
        return np.frombuffer(self.content(split, REMOVED_FILE), np.int64)

    def adopt_keys(self, split: StagedSplit, batches: Sequence[StagedBatch], keys: KeyFile) -> None:
        """Add the keys of a split to those of the whole stage."""
        events, *marks = (self.keys(split, name) for name in KEY_FILES)
        if batches:
            keys.adopt(batches[0].file, (batch.events for batch in batches), events)
        keys.adopt_marks(*marks)

    def batches(self, split: StagedSplit) -> tuple[list[StagedBatch], list[StagedBatch]]:
        """Return the batches of a split, and those of them that may be about suppressed people."""
        described = np.frombuffer(self.content(split, BATCHES_FILE), _BATCH)
        routes = [Route(*route) for route in split.summary["routes"]]
        file = f"{split.folder}/{EVENTS_FILE}"
        found = [
            StagedBatch(routes[route], file, index, events, rows)
            for index, (route, events, rows, _) in enumerate(described.tolist())
        ]
        return found, [found[index] for index in np.flatnonzero(described["suppressed"])]

    def keys(self, split: StagedSplit, name: str) -> Iterator[Keys]:
        """Yield the keys in a file of a split, some at once. Raises CorruptStage if it is not as it was written."""
        return map(keys_from, self._chunks(split, name))

    def excluded(self, split: StagedSplit, first_row: int) -> Iterator[pa.Table]:
        """Yield the excluded rows (schema EXCLUDED_ROW) of a split, numbered after `first_row` rows before it."""
        if EXCLUDED_FILE not in split.summary["files"]:
            return
        import pyarrow.parquet as pq

        # Parquet's readers may take damaged bytes for other values.
        deque(self._chunks(split, EXCLUDED_FILE), 0)
        name = f"{split.folder}/{EXCLUDED_FILE}"
        with self.shared.reading(name), self.shared.open(name) as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches():
                table = pa.Table.from_batches([batch]).cast(EXCLUDED_ROW)
                yield table.set_column(0, EXCLUDED_ROW.field("row"), pc.add(table["row"], first_row))

    def content(self, split: StagedSplit, name: str) -> bytes:
        """Return a file of a split; nothing if it has none. Raises CorruptStage if it is not as it was written."""
        return b"".join(self._chunks(split, name))

    def _chunks(self, split: StagedSplit, name: str) -> Iterator[bytes]:
        expected, found = split.summary["files"].get(name), 0
        if expected is None:
            return
        file = f"{split.folder}/{name}"
        with self.shared.reading(file), self.shared.open(file) as source:
            while data := source.read(_AT_ONCE):
                found = checksum(data, found)
                yield data
        if found != expected:
            raise CorruptStage(f"{self.shared}/{file} is damaged")


def checksums(directory: Path) -> dict[str, int]:
    """Return the checksums of the files that are read as a whole, by name, of those that exist."""
    found = {}
    for name in (*KEY_FILES, BATCHES_FILE, REMOVED_FILE, EXCLUDED_FILE):
        if (directory / name).exists():
            found[name] = _checksum_of(directory / name)
    return found


def _checksum_of(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while data := file.read(_AT_ONCE):
            found = checksum(data, found)
    return found


def write_private(path: Path, data: bytes) -> None:
    """Write a private file, and fsync it."""
    make_private_file(path)
    path.write_bytes(data)
    sync(path)
