"""Which events were taken out of batches after these had been written."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file, sync
from connector.errors import CorruptStage
from connector.staging.storage.checksums import append_checksum, verify
from connector.staging.storage.key_file import KeyFile, Numbers
from connector.staging.storage.open_files import reading
from connector.staging.storage.writer import StagedBatch

REMOVED = "removed-events.npz"
_EARLIER = "removed.npz"
"""The file that an earlier version wrote, without a checksum."""

Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.integer]
"""Of events in their batch."""


class DeletionMask:
    """The events that were taken out of a stage so far, a byte for each event of it at most."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys, self._flags = keys, np.zeros(0, np.bool_)

    def add(self, numbers: Numbers) -> None:
        """Takes out the events that `KeyFile` gives these numbers."""
        if numbers.max(initial=-1) >= len(self._flags):
            self._flags = np.r_[self._flags, np.zeros(self._keys.count - len(self._flags), np.bool_)]
        self._flags[numbers] = True

    def of(self, batch: StagedBatch) -> Flags:
        """Of each event of a batch, whether it was taken out."""
        first = self._keys.first(batch.file, batch.index)
        known = self._flags[first : first + batch.events]
        return known if len(known) else np.zeros(batch.events, np.bool_)

    def left(self, batch: StagedBatch) -> int:
        """How many events of a batch are left."""
        return batch.events - int(np.count_nonzero(self.of(batch)))

    def numbers(self, batch: StagedBatch, flags: Flags) -> Numbers:
        """The numbers of those events of a batch that are marked."""
        return self._keys.first(batch.file, batch.index) + np.flatnonzero(flags)


def write_removed(directory: Path, batches: Iterable[StagedBatch], removed: DeletionMask) -> None:
    """Keeps which events of some batches were taken out, if any: they became part of another, or may not be sent."""
    named: dict[str, Any] = {
        f"{batch.file}/{batch.index}": np.flatnonzero(removed.of(batch)).astype(np.uint16)
        for batch in batches
        if removed.left(batch) < batch.events
    }
    if not named:
        return
    unfinished = directory / f"unfinished-{REMOVED}"
    make_private_file(unfinished)
    with unfinished.open("wb") as file:
        np.savez(file, **named)
    append_checksum(unfinished)
    sync(unfinished)
    unfinished.replace(directory / REMOVED)
    sync(directory)


def read_removed(directory: Path) -> dict[str, Positions]:
    """By "file/index", the positions of the events that were taken out. Raises CorruptStage."""
    path, earlier = directory / REMOVED, directory / _EARLIER
    with reading(path):
        if path.exists():
            verify(path)
            return _load(path)
    with reading(earlier):
        return _load(earlier) if earlier.exists() else {}


def _load(path: Path) -> dict[str, Positions]:
    try:
        with path.open("rb") as file, np.load(file) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, BadZipFile, error):
        raise CorruptStage(f"{path} is damaged") from None
