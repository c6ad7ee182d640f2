"""Rows of one key become one event; an event of which a row was rejected is not sent at all."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.hashed import AMOUNT, EVENTS, KEY
from connector.outcomes import REASONS, WARNINGS

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grouped:
    """`events` (schema EVENTS) and `first`, the position of each event's first part; `incomplete` and
    `duplicates` are the positions of parts that are not sent.
    """

    events: pa.Table
    first: Positions
    incomplete: Positions
    duplicates: Positions


def group(parts: pa.Table, rejected: Flags, *, line_items: bool) -> Grouped:
    """Puts together the `parts` (schema EVENTS, keys may be null) that share a key.

    `rejected` says which parts must not be sent. With `line_items`, parts of one key become one event, or
    are incomplete where one of them is rejected; without, the first stands and the others are duplicates.
    """
    groups = _group_numbers(parts["key"])
    none = np.empty(0, np.int64)
    if line_items:
        barred = np.zeros(len(groups) + 1, np.bool_)
        barred[groups[rejected]] = True
        kept = np.flatnonzero(~rejected & ~barred[groups])
        incomplete, duplicates = np.flatnonzero(~rejected & barred[groups]), none
    else:
        good = np.flatnonzero(~rejected)
        _, first = np.unique(groups[good], return_index=True)
        kept, incomplete = good[np.sort(first)], none
        duplicates = np.delete(good, first)
    events, first_parts = _joined(parts, kept, groups[kept])
    return Grouped(events, first_parts, incomplete, duplicates)


def conflicting_rows(events: pa.Table) -> int:
    """How many rows of the events (schema EVENTS) say something else than their event's first row."""
    return pc.sum(pc.list_value_length(events["others"])).as_py() or 0


def payloads(events: pa.RecordBatch | pa.Table) -> pa.Array:
    """The JSON object of each event (schema EVENTS), as UTF-8 text."""
    empty = pa.scalar("")
    items, values = _plain(events["items"]), _value_text(_plain(events["amount"]))
    contents = pc.binary_join_element_wise(',"contents":[', items, "]", empty)
    value = pc.binary_join_element_wise(',"value":', values, empty)
    return pc.binary_join_element_wise(
        _plain(events["head"]), pc.fill_null(contents, ""), pc.fill_null(value, ""), "}}", empty
    )


def _group_numbers(keys: pa.ChunkedArray) -> Positions:
    """Numbers from 0 in the order of first appearance; a null key is a group of its own."""
    encoded = _plain(keys).dictionary_encode()
    numbers: Positions = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    alone = np.flatnonzero(numbers < 0)
    numbers[alone] = len(encoded.dictionary) + np.arange(len(alone))
    return numbers


def _joined(parts: pa.Table, kept: Positions, groups: Positions) -> tuple[pa.Table, Positions]:
    ordered = np.argsort(groups, kind="stable")
    order, sorted_groups = kept[ordered], groups[ordered]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]) if len(order) else order
    if len(starts) == len(order):
        return parts.take(order).cast(EVENTS), order
    members = parts.take(order)
    head = _plain(members["head"])
    sizes = np.diff(np.r_[starts, len(order)])
    events = pa.table(
        [
            _plain(members["key"]).take(pa.array(starts)),
            _joined_lists(_plain(members["rows"]), starts),
            head.take(pa.array(starts)),
            _joined_items(_plain(members["items"]), starts),
            _summed(_plain(members["amount"]), sizes),
            _others(members, head, starts, sizes),
        ],
        schema=EVENTS,
    )
    return events, order[starts]


def _others(members: pa.Table, head: pa.Array, starts: Positions, sizes: Positions) -> pa.Array:
    """The heads, of each event's rows, that are not its first row's."""
    if pc.sum(pc.list_value_length(members["others"])).as_py():
        return _others_of_parts(members, starts, sizes)
    other = pc.not_equal(head, head.take(pa.array(np.repeat(starts, sizes)))).to_numpy(zero_copy_only=False)
    rows = np.where(other, pc.list_value_length(members["rows"]).to_numpy(), 0)
    before = np.r_[0, np.cumsum(rows)]
    offsets = np.r_[before[starts], before[-1]].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), head.take(pa.array(np.repeat(np.arange(len(rows)), rows))))


def _others_of_parts(members: pa.Table, starts: Positions, sizes: Positions) -> pa.Array:
    """The same where parts have such heads already: of the few events that lie in several slices and disagree."""
    heads, others = members["head"].to_pylist(), members["others"].to_pylist()
    rows = pc.list_value_length(members["rows"]).to_pylist()
    found = []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        of_part = [[heads[n]] * (rows[n] - len(others[n])) + others[n] for n in range(start, start + size)]
        found.append([head for part in of_part for head in part if head != heads[start]])
    return pa.array(found, EVENTS.field("others").type)


def _joined_lists(lists: pa.ListArray, starts: Positions) -> pa.ListArray:
    offsets = lists.offsets.to_numpy()
    return pa.ListArray.from_arrays(pa.array(np.r_[offsets[starts], offsets[-1:]]), lists.values)


def _joined_items(items: pa.Array, starts: Positions) -> pa.Array:
    present = items.is_valid().to_numpy(zero_copy_only=False)
    before = np.r_[0, np.cumsum(present)].astype(np.int32)
    offsets = np.r_[before[starts], before[-1]].astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items.drop_null()), ",")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _summed(amounts: pa.Array, sizes: Positions) -> pa.Array:
    numbers = pa.array(np.repeat(np.arange(len(sizes)), sizes))
    table = pa.table({"event": numbers, "amount": amounts})
    sums = table.group_by("event", use_threads=False).aggregate([("amount", "sum")])
    return _plain(sums["amount_sum"]).cast(AMOUNT)


def _value_text(amounts: pa.Array) -> pa.Array:
    text = pc.cast(amounts, pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def parts_of(rows: pa.Table) -> pa.Table:
    """The rows that a compiled transform gives, each as a part of its event (schema EVENTS, keys may be null)."""
    count = rows.num_rows
    numbers = _plain(rows["row_number"])
    lists = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32)), numbers)
    columns = [
        _key(_plain(rows["key"])),
        lists,
        *(_plain(rows[name]) for name in ("head", "item", "amount")),
        pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string())),
    ]
    return pa.table(columns, names=EVENTS.names)


def _key(numbers: pa.Array) -> pa.Array:
    """The 16 bytes of each number. DuckDB hands a 128-bit number over as a decimal: only its bytes mean anything."""
    validity, values = numbers.buffers()
    return pa.FixedSizeBinaryArray.from_buffers(KEY, len(numbers), [validity, values], offset=numbers.offset)


def count_reasons(reasons: npt.NDArray[np.uint8]) -> Counter[str]:
    """How many rows have each reason; `reasons` holds 1 + the index in REASONS, 0 for none."""
    counts = np.bincount(reasons, minlength=len(REASONS) + 1)
    return Counter({reason.value: int(counts[number]) for number, reason in enumerate(REASONS, 1) if counts[number]})


def count_warnings(bits: npt.NDArray[np.uint8]) -> Counter[str]:
    """How many rows have each warning; bit n is WARNINGS[n]."""
    counts = {warning.value: int(np.count_nonzero(bits & (1 << n))) for n, warning in enumerate(WARNINGS)}
    return Counter({name: count for name, count in counts.items() if count})
