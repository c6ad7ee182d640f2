"""Find runs of consecutive rows with the same columns of their event, as the lines of an order have.

The columns of an event are transformed once for each run, and only its items and amounts for every row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.outcomes import REASONS, WARNINGS, Reason, RowWarning

_INVALID_AMOUNT = 1 + REASONS.index(Reason.INVALID_AMOUNT)
_PLACEHOLDER_VALUE = np.uint32(1 << WARNINGS.index(RowWarning.PLACEHOLDER_VALUE))
_LONG = frozenset({"head", "persons"})
_OF_ITEMS = ("priced",)
_MIXER = np.uint64(0x9E3779B97F4A7C15)
"""An odd number (2^64 divided by the golden ratio), so that no two digests become one."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowRuns:
    """The runs of a chunk."""

    starts: npt.NDArray[np.int64]
    """The position of each run's first row."""
    of_row: npt.NDArray[np.int32]
    """The number of each row's run."""

    @property
    def are_single_rows(self) -> bool:
        """True if no row repeats the one before it."""
        return len(self.starts) == len(self.of_row)

    def first_rows(self, chunk: pa.Table) -> pa.Table:
        """Return the first row of each run."""
        return chunk if self.are_single_rows else chunk.take(pa.array(self.starts))

    def spread(self, events: pa.Table, items: pa.Table) -> pa.Table:
        """Combine the transformed first rows of runs and the items of every row into a row for each row.

        Long texts become dictionaries, so that they are in memory once.
        """
        reasons = _first_reason(events["reason"].to_numpy()[self.of_row], items["bad_amount"])
        columns = {name: self._spread(name, events[name]) for name in events.column_names if name != "event_digest"}
        columns["warnings"] = _with_placeholders(columns["warnings"], items["item_placeholder"])
        of_items = {name: items[name] for name in ("row_number", *_OF_ITEMS)}
        of_events = (events["event_digest"].to_numpy() ^ events["head_digest"].to_numpy()) * _MIXER
        digests = of_events[self.of_row] ^ items["item_digest"].to_numpy()
        made = {"reason": pa.array(reasons), "digest": pa.array(digests), **_reduced(items)}
        return pa.table({**columns, **made, **of_items})

    def _spread(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        values = column.combine_chunks()
        if self.are_single_rows:
            return values
        places = pa.array(self.of_row)
        return pa.DictionaryArray.from_arrays(places, values) if name in _LONG else values.take(places)


def find_row_runs(chunk: pa.Table, columns: Sequence[str]) -> RowRuns:
    """Find the runs of rows of `chunk` that are equal in all `columns`."""
    differs = np.zeros(max(chunk.num_rows - 1, 0), np.bool_)
    for name in columns:
        if differs.all():
            break
        differs |= _differs(chunk[name])
    first = np.r_[np.ones(min(chunk.num_rows, 1), np.bool_), differs]
    return RowRuns(np.flatnonzero(first), (np.cumsum(first) - 1).astype(np.int32))


def _differs(column: pa.ChunkedArray) -> Flags:
    """Return a flag for each row but the first: true if its value differs from the one before, as nested ones do."""
    values = column.combine_chunks()
    if pa.types.is_nested(values.type) or pa.types.is_null(values.type):
        return np.full(max(len(values) - 1, 0), not pa.types.is_null(values.type))
    before, here = values[:-1], values[1:]
    other = pc.not_equal(here, before)
    if values.null_count:
        other = pc.fill_null(other, fill_value=True)
        other = pc.and_not(other, pc.and_(before.is_null(), here.is_null()))
    return np.asarray(other.to_numpy(zero_copy_only=False))


def _with_placeholders(warnings: pa.Array, of_items: pa.ChunkedArray) -> pa.Array:
    """Add the warning for rows whose item has a placeholder for an id."""
    has_placeholder = of_items.to_numpy().astype(np.bool_)
    if not has_placeholder.any():
        return warnings
    return pa.array(warnings.to_numpy() | np.where(has_placeholder, _PLACEHOLDER_VALUE, np.uint32(0)))


def _reduced(items: pa.Table) -> dict[str, pa.Array]:
    """Return item and amount of each row; one that reduces its event's value has no item and a negative amount."""
    item, amount, reduces = (items[name].combine_chunks() for name in ("item", "amount", "reduces"))
    if pc.any(reduces, min_count=0).as_py():
        item = pc.if_else(reduces, pa.scalar(None, item.type), item)
        amount = pc.if_else(reduces, pc.negate(pc.abs(amount)), amount)
    return {"item": item, "amount": amount}


def _first_reason(reasons: npt.NDArray[np.uint8], bad_amount: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """Return the first reason of each row, including that of its own amount."""
    bad = bad_amount.to_numpy().astype(np.bool_)
    return np.where(bad & ((reasons == 0) | (reasons > _INVALID_AMOUNT)), np.uint8(_INVALID_AMOUNT), reasons)
