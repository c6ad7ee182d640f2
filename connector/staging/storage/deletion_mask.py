"""Record which events were deleted from batches after these had been written."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import BadZipFile
from zlib import error

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file, sync
from connector.errors import CorruptStage
from connector.staging.storage.checksums import append_checksum, verify, verify_bytes
from connector.staging.storage.key_file import EventNumbers, KeyFile
from connector.staging.storage.open_files import reading, shared_folder_of
from connector.staging.storage.writer import StagedBatch

if TYPE_CHECKING:
    from connector.staging.storage.shared_folder import SharedFolder

DELETIONS_FILE = "removed-events.npz"
_EARLIER = "removed.npz"
"""The file that an earlier version wrote, without a checksum."""

Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.integer]
"""Positions of events in their batch."""


class DeletionMask:
    """The events of a stage that are deleted so far; takes at most one byte for each event."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys, self._flags = keys, np.zeros(0, np.bool_)

    def add(self, numbers: EventNumbers) -> None:
        """Delete the events with these numbers, as `KeyFile` assigns them."""
        if numbers.max(initial=-1) >= len(self._flags):
            self._flags = np.r_[self._flags, np.zeros(self._keys.count - len(self._flags), np.bool_)]
        self._flags[numbers] = True

    def flags(self, batch: StagedBatch) -> Flags:
        """Return a flag for each event of a batch: true if it is deleted."""
        first = self._keys.first_number(batch.file, batch.index)
        known = self._flags[first : first + batch.events]
        return known if len(known) else np.zeros(batch.events, np.bool_)

    def remaining(self, batch: StagedBatch) -> int:
        """Return the number of events of a batch that are not deleted."""
        return batch.events - int(np.count_nonzero(self.flags(batch)))

    def numbers(self, batch: StagedBatch, flags: Flags) -> EventNumbers:
        """Return the numbers of the flagged events of a batch."""
        return self._keys.first_number(batch.file, batch.index) + np.flatnonzero(flags)


def write_deletions(directory: Path, batches: Iterable[StagedBatch], deletions: DeletionMask) -> None:
    """Write the deletions of some batches to disk, if there are any, so that readers skip these events."""
    named: dict[str, Any] = {
        f"{batch.file}/{batch.index}": np.flatnonzero(deletions.flags(batch)).astype(np.uint16)
        for batch in batches
        if deletions.remaining(batch) < batch.events
    }
    if not named:
        return
    unfinished = directory / f"unfinished-{DELETIONS_FILE}"
    make_private_file(unfinished)
    with unfinished.open("wb") as file:
        np.savez(file, **named)
    append_checksum(unfinished)
    sync(unfinished)
    unfinished.replace(directory / DELETIONS_FILE)
    sync(directory)


def read_deletions(directory: Path) -> dict[str, Positions]:
    """Return the positions of the deleted events by "file/index". Raises CorruptStage.

    Those of an overlay may lie in the folder that it is an overlay of.
    """
    path, earlier = directory / DELETIONS_FILE, directory / _EARLIER
    with reading(path):
        if path.exists():
            verify(path)
            return _load_path(path)
    with reading(earlier):
        if earlier.exists():
            return _load_path(earlier)
    shared = shared_folder_of(directory)
    return _read_shared(shared) if shared else {}


def _read_shared(shared: "SharedFolder") -> dict[str, Positions]:
    content, name = shared.read(DELETIONS_FILE), f"{shared}/{DELETIONS_FILE}"
    if content is None:
        return {}
    verify_bytes(BytesIO(content), len(content), name)
    return _load(BytesIO(content), name)


def _load_path(path: Path) -> dict[str, Positions]:
    with path.open("rb") as file:
        return _load(file, path)


def _load(file: BinaryIO, name: Path | str) -> dict[str, Positions]:
    try:
        with np.load(file) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, BadZipFile, error):
        raise CorruptStage(f"{name} is damaged") from None
