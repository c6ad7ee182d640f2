"""Rows that say the same of their event as the row before them, as the lines of an order do.

What is made of an event's own columns is made once for each such stretch of rows; what differs from line to line,
the items and the amounts, for every row.
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
    """`starts`: the position of each stretch's first row; `of_row`: the number of each row's stretch."""

    starts: npt.NDArray[np.int64]
    of_row: npt.NDArray[np.int32]

    @property
    def all_alone(self) -> bool:
        """Whether no row repeats the one before it."""
        return len(self.starts) == len(self.of_row)

    def first_rows(self, chunk: pa.Table) -> pa.Table:
        """The first row of each stretch."""
        return chunk if self.all_alone else chunk.take(pa.array(self.starts))

    def spread(self, events: pa.Table, items: pa.Table) -> pa.Table:
        """A row for each row: what was made of the first row of its stretch, and what was made of itself.

        Long texts come as dictionaries, so that they lie in memory once.
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
        if self.all_alone:
            return values
        places = pa.array(self.of_row)
        return pa.DictionaryArray.from_arrays(places, values) if name in _LONG else values.take(places)


def stretches(chunk: pa.Table, columns: Sequence[str]) -> RowRuns:
    """The stretches of rows of `chunk` that are equal in all `columns`."""
    differs = np.zeros(max(chunk.num_rows - 1, 0), np.bool_)
    for name in columns:
        if differs.all():
            break
        differs |= _differs(chunk[name])
    first = np.r_[np.ones(min(chunk.num_rows, 1), np.bool_), differs]
    return RowRuns(np.flatnonzero(first), (np.cumsum(first) - 1).astype(np.int32))


def _differs(column: pa.ChunkedArray) -> Flags:
    """Of each row but the first, whether its value is another than that of the row before; nested values always are."""
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
    """The warnings, with that of a row whose item has a placeholder for an id."""
    found = of_items.to_numpy().astype(np.bool_)
    if not found.any():
        return warnings
    return pa.array(warnings.to_numpy() | np.where(found, _PLACEHOLDER_VALUE, np.uint32(0)))


def _reduced(items: pa.Table) -> dict[str, pa.Array]:
    """Give the item and the amount of each row: no item, and less than zero, where it reduces its event's value."""
    item, amount, reduces = (items[name].combine_chunks() for name in ("item", "amount", "reduces"))
    if pc.any(reduces, min_count=0).as_py():
        item = pc.if_else(reduces, pa.scalar(None, item.type), item)
        amount = pc.if_else(reduces, pc.negate(pc.abs(amount)), amount)
    return {"item": item, "amount": amount}


def _first_reason(reasons: npt.NDArray[np.uint8], bad_amount: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """The first reason that applies, where that of the amounts is looked for row by row."""
    bad = bad_amount.to_numpy().astype(np.bool_)
    return np.where(bad & ((reasons == 0) | (reasons > _INVALID_AMOUNT)), np.uint8(_INVALID_AMOUNT), reasons)
