"""Read staged batches, without the events that were deleted after they were written."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import EVENTS, LINE
from connector.errors import CorruptStage
from connector.staging.storage.deletion_mask import Positions, read_deletions
from connector.staging.storage.open_files import POINTER, OpenFiles, reading, shared_folder_of

FIRST_ROWS = "first-rows.json"
"""The file with the number of rows before each split, by its folder, of a stage that was made in splits."""


class StageReader:
    """The events of one run. Not for use from several threads at once.

    Reading raises CorruptStage if a file is not as it was written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._files = directory, OpenFiles(directory)
        self._removed: dict[str, Positions] = {}
        self._is_overlay, self._are_final = (directory / POINTER).exists(), False
        self._first_rows: dict[str, int] = {}

    def whole(self, file: str, index: int) -> pa.RecordBatch:
        """Return a batch (schema EVENTS, or that of an audience's changes) as it was written."""
        batch = self._files.batch(file, index)
        batch = batch if batch.schema.names == EVENTS.names else _completed(batch)
        folder, is_split, _ = file.rpartition("/")
        return renumbered(batch, self._rows_before(folder)) if is_split else batch

    def _rows_before(self, folder: str) -> int:
        """Return the rows of the splits before one; 0 for a folder whose rows have the numbers of the result."""
        self._first_rows = self._first_rows or read_first_rows(self._directory)
        return self._first_rows.get(folder, 0)

    def events(self, file: str, index: int, count: int | None = None) -> pa.RecordBatch:
        """Return the events of a batch that were not deleted, and check their number if `count` is given."""
        events = self._left(file, index)
        if count is not None and count != events.num_rows:
            raise CorruptStage(f"{self._directory / file} holds other events than the ledger says")
        return events

    def _left(self, file: str, index: int) -> pa.RecordBatch:
        batch = self.whole(file, index)
        removed = self._deletions().get(f"{file}/{index}")
        if removed is None:
            return batch
        kept = np.ones(batch.num_rows, np.bool_)
        kept[removed] = False
        return batch.filter(pa.array(kept))

    def _deletions(self) -> dict[str, Positions]:
        # Read again while there is nothing yet: the rest of the stage may still be written, unless it is shared.
        if not self._removed and not self._are_final:
            self._removed, self._are_final = read_deletions(self._directory), self._is_overlay
        return self._removed

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def __enter__(self) -> "StageReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_first_rows(directory: Path) -> dict[str, int]:
    """Return the number of rows before each split, by its folder. Raises CorruptStage if it is not known."""
    path = directory / FIRST_ROWS
    shared = None if path.exists() else shared_folder_of(directory)
    with reading(path):
        content = shared.read(FIRST_ROWS) if shared else path.read_bytes()
    if content is None:
        raise CorruptStage(f"{shared}/{FIRST_ROWS} is missing")
    found: dict[str, int] = json.loads(content)
    return found


def renumbered(batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Add the rows before a split to the row numbers of its events."""
    if not first_row:
        return batch
    rows = batch["rows"]
    numbers = pc.add(rows.flatten(), first_row)
    offsets = pc.subtract(rows.offsets, rows.offsets[0])
    renumbered = pa.ListArray.from_arrays(offsets, numbers, type=rows.type)
    return batch.set_column(batch.schema.get_field_index("rows"), batch.schema.field("rows"), renumbered)


def _completed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Add the columns that a batch lacks: those that an earlier version did not write, and `persons` of an audience."""
    count, columns = batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True))
    columns.setdefault("persons", pa.array([""] * count))
    if "head" not in columns:
        return pa.record_batch(columns)
    if "items" in columns:
        columns["lines"] = _one_line(batch)
    found = [columns.get(field.name, pa.nulls(count, field.type)) for field in EVENTS]
    return pa.record_batch(found, schema=EVENTS)


def _one_line(batch: pa.RecordBatch) -> pa.ListArray:
    """Return the line items of events of an earlier version: one for each event, with all its items."""
    count = batch.num_rows
    known = {"item": batch["items"], "amount": batch["amount"]}
    columns = [known.get(field.name, pa.nulls(count, field.type)) for field in LINE]
    lines = pa.StructArray.from_arrays(columns, fields=list(LINE))
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, lines, type=EVENTS.field("lines").type)
