"""Group rows of one key into one event; an event with a rejected row is not sent at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import AMOUNT, EVENTS, LINE, SEVERAL_CURRENCIES, PhoneCounts
from connector.core.outcomes import REASONS, WARNINGS
from connector.transform.slice_engine import key_of
from connector.transform.texts import in_memory

_NOTHING, _COMMA, _NO_TEXT = pa.scalar(""), pa.scalar(","), pa.scalar(None, pa.string())
_CONTENTS, _AFTER_CONTENTS = pa.scalar(',"contents":['), pa.scalar("]")
_VALUE, _BEFORE_VALUE = pa.scalar(',"value":'), pa.scalar('],"value":')
_END, _END_AND_COMMA = pa.scalar("}}"), pa.scalar("}},")
_OF_THE_FIRST = ("head", "persons", "time", "marks")
"""What is that of an event's first row."""

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Grouped events."""

    events: pa.Table
    """The events (schema EVENTS)."""
    first: Positions
    """The position of each event's first part."""
    incomplete: Positions
    """Positions of parts of events with a rejected row, which are not sent."""
    duplicates: Positions
    """Positions of parts that repeat an event, which are not sent."""


def group(parts: pa.Table, rejected: Flags, *, line_items: bool) -> Grouped:
    """Group the `parts` (schema EVENTS, keys may be null) that share a key.

    `rejected` flags the parts that must not be sent. With `line_items`, parts of one key become one event, or are
    incomplete if one of them is rejected; without, the first is the event and the others are duplicates.
    """
    groups = _group_numbers(parts["key"])
    none = np.empty(0, np.int64)
    if line_items:
        blocked = np.zeros(len(groups) + 1, np.bool_)
        blocked[groups[rejected]] = True
        kept = np.flatnonzero(~rejected & ~blocked[groups])
        incomplete, duplicates = np.flatnonzero(~rejected & blocked[groups]), none
    else:
        good = np.flatnonzero(~rejected)
        _, first = np.unique(groups[good], return_index=True)
        kept, incomplete = good[np.sort(first)], none
        duplicates = np.delete(good, first)
    events, first_parts = _joined(parts, kept, groups[kept])
    return Grouped(events, first_parts, incomplete, duplicates)


def payloads(events: pa.RecordBatch | pa.Table) -> pa.Array:
    """Return the JSON object of each event (schema EVENTS), as UTF-8 text."""
    return _written(events, _END)


def payload(events: pa.RecordBatch) -> memoryview:
    """Return the JSON objects of all events, joined by commas, as they already lie in memory."""
    bounds, found = in_memory(_written(events, _END_AND_COMMA))
    return found[bounds[0] : bounds[-1] - 1]


def _written(events: pa.RecordBatch | pa.Table, end: pa.Scalar) -> pa.Array:
    head, items, amounts = plain(events["head"]), _items(plain(events["lines"])), plain(events["amount"])
    values = _value_text(amounts)
    if not items.null_count and not amounts.null_count:
        return pc.binary_join_element_wise(head, _CONTENTS, items, _BEFORE_VALUE, values, end, _NOTHING)
    contents = pc.binary_join_element_wise(_CONTENTS, items, _AFTER_CONTENTS, _NOTHING)
    value = pc.binary_join_element_wise(_VALUE, values, _NOTHING)
    return pc.binary_join_element_wise(
        head, pc.fill_null(contents, _NOTHING), pc.fill_null(value, _NOTHING), end, _NOTHING
    )


def _items(lines: pa.ListArray) -> pa.Array:
    """Return the elements of each event's `contents`, joined by commas; null if it has none."""
    items, sizes = pc.struct_field(lines.flatten(), "item"), pc.list_value_length(lines).to_numpy()
    return items if len(items) == len(sizes) else _joined_items(items, np.cumsum(sizes) - sizes)


def _group_numbers(keys: pa.ChunkedArray) -> Positions:
    """Assign numbers to groups from 0 in the order of first appearance; a null key is a group of its own."""
    encoded = plain(keys).dictionary_encode()
    numbers: Positions = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    alone = np.flatnonzero(numbers < 0)
    numbers[alone] = len(encoded.dictionary) + np.arange(len(alone))
    return numbers


def _joined(parts: pa.Table, kept: Positions, groups: Positions) -> tuple[pa.Table, Positions]:
    """Merge the parts at the positions `kept` by group; return the events and the position of each one's first part."""
    in_order = bool((groups[1:] >= groups[:-1]).all())
    ordered = np.arange(len(groups)) if in_order else np.argsort(groups, kind="stable")
    order, sorted_groups = kept[ordered], groups[ordered]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]) if len(order) else order
    untouched = in_order and len(order) == parts.num_rows

    def whole(table: pa.Table) -> pa.Table:
        return table if untouched else table.take(pa.array(order))

    if len(starts) == len(order):
        return whole(parts).cast(EVENTS), order
    first, sizes = pa.array(order[starts]), np.diff(np.r_[starts, len(order)])
    members = whole(parts.drop_columns(_OF_THE_FIRST))
    events = pa.table(
        [
            plain(parts["key"]).take(first),
            _joined_lists(plain(members["rows"]), starts),
            _texts(plain(parts["head"]).take(first)),
            _joined_lists(plain(members["lines"]), starts),
            summed(plain(members["amount"]), sizes),
            *(_texts(plain(parts[name]).take(first)) for name in ("persons", "time")),
            _currencies(plain(members["currency"]), starts, sizes),
            plain(parts["marks"]).take(first),
        ],
        schema=EVENTS,
    )
    return events, order[starts]


def _joined_lists(lists: pa.ListArray, starts: Positions) -> pa.ListArray:
    offsets = lists.offsets.to_numpy()
    return pa.ListArray.from_arrays(pa.array(np.r_[offsets[starts], offsets[-1:]]), lists.values)


def _joined_items(items: pa.Array, starts: Positions) -> pa.Array:
    if not items.null_count:
        return pc.binary_join(
            pa.ListArray.from_arrays(pa.array(np.r_[starts, len(items)].astype(np.int32)), items), _COMMA
        )
    present = items.is_valid().to_numpy(zero_copy_only=False)
    before = np.r_[0, np.cumsum(present)].astype(np.int32)
    offsets = np.r_[before[starts], before[-1]].astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items.drop_null()), _COMMA)
    return pc.if_else(pc.equal(joined, _NOTHING), _NO_TEXT, joined)


def _currencies(currencies: pa.Array, starts: Positions, sizes: Positions) -> pa.Array:
    """Return the currency of each event, SEVERAL_CURRENCIES if its parts have more than one."""
    first = currencies.take(pa.array(starts))
    encoded = currencies.dictionary_encode()
    if len(encoded.dictionary) < 2:
        return first
    numbers = encoded.indices.to_numpy(zero_copy_only=False)
    several = np.logical_or.reduceat(numbers != np.repeat(numbers[starts], sizes), starts)
    return pc.if_else(pa.array(several), SEVERAL_CURRENCIES, first)


def summed(amounts: pa.Array, sizes: Positions) -> pa.Array:
    """Return the sums of consecutive amounts, `counts` at a time; null if all are null."""
    numbers = pa.array(np.repeat(np.arange(len(sizes)), sizes))
    table = pa.table({"event": numbers, "amount": amounts})
    sums = table.group_by("event", use_threads=False).aggregate([("amount", "sum")])
    return plain(sums["amount_sum"]).cast(AMOUNT)


def _value_text(amounts: pa.Array) -> pa.Array:
    text = pc.cast(amounts, pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Combine the chunks of a column."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _texts(column: pa.Array) -> pa.Array:
    """Return the texts themselves, even if they are in a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def parts_of(rows: pa.Table) -> pa.Table:
    """Return the rows of a compiled transform, each as a part of its event (schema EVENTS, keys may be null)."""
    count = rows.num_rows
    numbers = plain(rows["row_number"])
    lists = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32)), numbers)
    columns = [
        key_of(plain(rows["key"])),
        lists,
        plain(rows["head"]),
        pa.ListArray.from_arrays(lists.offsets, _lines(rows), type=EVENTS.field("lines").type),
        plain(rows["amount"]),
        *(plain(rows[name]) for name in ("persons", "event_time", "currency", "marks")),
    ]
    return pa.table(columns, names=EVENTS.names)


def _lines(rows: pa.Table) -> pa.StructArray:
    columns = [plain(rows[name]) for name in ("item", "amount", "digest", "head_digest", "priced")]
    return pa.StructArray.from_arrays(columns, fields=list(LINE))


def count_reasons(reasons: npt.NDArray[np.uint8]) -> Counter[str]:
    """Count the rows by reason; `reasons` holds 1 + the index in REASONS, 0 for none."""
    counts = np.bincount(reasons, minlength=len(REASONS) + 1)
    return Counter({reason.value: int(counts[number]) for number, reason in enumerate(REASONS, 1) if counts[number]})


def count_warnings(bits: npt.NDArray[np.uint32]) -> Counter[str]:
    """Count the rows by warning; bit n is WARNINGS[n]."""
    counts = {warning.value: int(np.count_nonzero(bits & (1 << n))) for n, warning in enumerate(WARNINGS)}
    return Counter({name: count for name, count in counts.items() if count})


def count_phones(bits: npt.NDArray[np.uint32], columns: Sequence[str]) -> PhoneCounts:
    """Count the rows that give a phone number, and an invalid one, by column; bits as `compile_phones` sets them."""
    given, invalid = (
        Counter({name: int(np.count_nonzero(bits & (1 << 2 * n + place))) for n, name in enumerate(columns)})
        for place in (0, 1)
    )
    return PhoneCounts(given, invalid)
