"""Judge line items: find identical ones, count their warnings, and reject events because of them."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import EVENTS, KEY, SEVERAL_CURRENCIES
from connector.core.outcomes import REASONS, Reason, RowWarning, Skip
from connector.transform.grouping import Flags, Positions, plain, summed
from connector.transform.rules import EventRules

_NOTHING = pa.scalar(0).cast(EVENTS.field("amount").type)
_FEW_LINES = 12
"""Of an event: up to so many are compared with each other faster than they are sorted."""
_PLACE_MIXER = np.uint64(0xBF58476D1CE4E5B9)
"""An odd number with many bits set, so that neighbouring places differ in all of their bits."""


def line_warnings(events: pa.Table) -> tuple[Counter[str], dict[str, Decimal]]:
    """Count the rows of events (schema EVENTS) that have a warning about their event as a whole.

    Also give what the identical ones among them add to values, by currency.
    """
    identical = identical_lines(events)
    counts = {
        RowWarning.CONFLICTING_ROWS: _conflicting_lines(events),
        RowWarning.IDENTICAL_ROWS: int(np.count_nonzero(identical)),
        RowWarning.INCOMPLETE_AMOUNT: _incomplete_lines(events),
    }
    counted = Counter({warning.value: count for warning, count in counts.items() if count})
    return counted, _value_of(events, identical) if identical.any() else {}


def _value_of(events: pa.Table, identical: Flags) -> dict[str, Decimal]:
    """Add up, by currency, the amounts of these lines."""
    sizes = _sizes(events)
    currencies = plain(events["currency"]).take(pa.array(np.repeat(np.arange(len(sizes)), sizes)))
    table = pa.table({"currency": currencies, "amount": pc.struct_field(_lines(events), "amount")})
    sums = table.filter(pa.array(identical)).group_by("currency").aggregate([("amount", "sum")])
    found = zip(sums["currency"].to_pylist(), sums["amount_sum"].to_pylist(), strict=True)
    return {currency: amount for currency, amount in found if amount}


def identical_lines(events: pa.Table) -> Flags:
    """Return a flag for each line of the events in order: true if it is identical to an earlier one of its event."""
    sizes = _sizes(events)
    count = int(sizes.sum())
    if count == len(sizes):
        return np.zeros(count, np.bool_)
    digests = pc.struct_field(_lines(events), "digest").to_numpy(zero_copy_only=False)
    if sizes.max() <= _FEW_LINES:
        return _repeated(digests, sizes)
    return _repeated_anywhere(digests, sizes)


def _repeated(digests: npt.NDArray[np.uint64], sizes: Positions) -> Flags:
    """Compare each line with those before it, of events that all have few."""
    numbers, repeated = np.repeat(np.arange(len(sizes)), sizes), np.zeros(len(digests), np.bool_)
    for before in range(1, int(sizes.max())):
        repeated[before:] |= (digests[before:] == digests[:-before]) & (numbers[before:] == numbers[:-before])
    return repeated


def _repeated_anywhere(digests: npt.NDArray[np.uint64], sizes: Positions) -> Flags:
    """Find equal lines by sorting them.

    Events are distinguished by 64 bits of their place and the line's digest: two of n lines collide by chance once
    in 2^65 / n^2 times.
    """
    count = len(digests)
    places = np.repeat(np.arange(len(sizes), dtype=np.uint64) * _PLACE_MIXER, sizes)
    together = digests ^ places
    ordered = np.sort(together)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.zeros(count, np.bool_)
    identical = np.ones(count, np.bool_)
    identical[np.unique(together, return_index=True)[1]] = False
    return identical


def undecided_events(events: pa.Table, rules: EventRules) -> Flags:
    """Return a flag for each event: true if it can only be judged once all its rows are known."""
    flags = _negative(events) | _several_currencies(events)
    if rules.identical_rows != "keep":
        flags |= _any_of_event(identical_lines(events), _sizes(events))
    return flags


def _event_reasons(events: pa.Table, rules: EventRules) -> npt.NDArray[np.uint8]:
    """Return 1 + the index in REASONS of the reason to reject each whole event, 0 if it is sent."""
    conditions = {Reason.CONFLICTING_CURRENCY: _several_currencies(events), Reason.INVALID_AMOUNT: _negative(events)}
    if rules.identical_rows == "reject":
        conditions[Reason.IDENTICAL_ROWS] = _any_of_event(identical_lines(events), _sizes(events))
    reasons = np.zeros(events.num_rows, np.uint8)
    for reason in sorted(conditions, key=REASONS.index, reverse=True):
        reasons[conditions[reason]] = 1 + REASONS.index(reason)
    return reasons


def _split_identical(events: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split events into those without repeated identical lines, and events of these lines."""
    identical = identical_lines(events)
    dropped = _only(events, identical)
    return _only(events, ~identical), dropped.filter(pa.array(_sizes(dropped) > 0))


@dataclass(frozen=True, slots=True)
class Decided:
    """Whole events to send, excluded events by reason, and the keys of changed events."""

    events: pa.Table
    excluded: dict[Reason | Skip, pa.Table]
    changed: pa.Array


def decide(events: pa.Table, rules: EventRules) -> Decided:
    """Judge whole events (schema EVENTS): reject them, or drop their identical lines, as the rules say."""
    excluded: dict[Reason | Skip, pa.Table] = {}
    if rules.identical_rows == "drop":
        events, excluded[Skip.DUPLICATE] = _split_identical(events)
    reasons = _event_reasons(events, rules)
    for number in np.unique(reasons[reasons > 0]):
        excluded[REASONS[number - 1]] = events.filter(pa.array(reasons == number))
    keys = [table["key"].combine_chunks() for table in excluded.values()]
    return Decided(events.filter(pa.array(reasons == 0)), excluded, pa.concat_arrays([*keys, pa.array([], KEY)]))


def _only(events: pa.Table, selected: Flags) -> pa.Table:
    """Reduce events to the selected lines and their rows; some events may have none."""
    before = np.r_[0, np.cumsum(selected)].astype(np.int32)
    ends = np.r_[0, np.cumsum(_sizes(events))]
    offsets, mask = pa.array(before[ends]), pa.array(selected)
    lines, rows = (plain(events[name]).flatten().filter(mask) for name in ("lines", "rows"))
    amounts = pc.struct_field(lines, "amount")
    made = {
        "rows": pa.ListArray.from_arrays(offsets, rows),
        "lines": pa.ListArray.from_arrays(offsets, lines, type=EVENTS.field("lines").type),
        "amount": _sums(amounts, np.diff(before[ends])),
    }
    return pa.table([made.get(name, events[name]) for name in EVENTS.names], schema=EVENTS)


def _sums(amounts: pa.Array, sizes: Positions) -> pa.Array:
    """Return the sums of consecutive amounts, `counts` at a time; null if there are none."""
    some = np.flatnonzero(sizes)
    sums = summed(amounts, sizes[some])
    places = np.full(len(sizes), -1)
    places[some] = np.arange(len(some))
    return sums.take(pa.array(places, mask=places < 0))


def _conflicting_lines(events: pa.Table) -> int:
    """Count the lines that differ from the first line of their event in a property of the event."""
    sizes = _sizes(events)
    if sizes.sum() == len(sizes):
        return 0
    heads = pc.struct_field(_lines(events), "head_digest").to_numpy(zero_copy_only=False)
    return int(np.count_nonzero(heads != np.repeat(heads[np.cumsum(sizes) - sizes], sizes)))


def _incomplete_lines(events: pa.Table) -> int:
    """Count the lines of which price or quantity gives no amount without the other.

    Also count those that lack one of them in events of which another line has both.
    """
    sizes, column = _sizes(events), pc.struct_field(_lines(events), "priced")
    if len(column) == len(sizes):
        return int(column.null_count)
    priced = pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False).astype(np.bool_)
    if priced.all() or not priced.any():
        return int(column.null_count)
    incomplete = np.repeat(_any_of_event(priced, sizes), sizes) & ~priced
    return int(np.count_nonzero(incomplete | np.asarray(column.is_null().to_numpy(zero_copy_only=False))))


def _any_of_event(flags: Flags, sizes: Positions) -> Flags:
    if not flags.any():
        return np.zeros(len(sizes), np.bool_)
    return np.asarray(np.logical_or.reduceat(flags, np.cumsum(sizes) - sizes))


def _negative(events: pa.Table) -> Flags:
    negative = pc.fill_null(pc.less(events["amount"], _NOTHING), fill_value=False)
    return np.asarray(negative.to_numpy())


def _several_currencies(events: pa.Table) -> Flags:
    several = pc.fill_null(pc.equal(events["currency"], SEVERAL_CURRENCIES), fill_value=False)
    return np.asarray(several.to_numpy())


def _sizes(events: pa.Table) -> Positions:
    return np.asarray(pc.list_value_length(events["lines"]).to_numpy(), np.int64)


def _lines(events: pa.Table) -> pa.StructArray:
    return plain(events["lines"]).flatten()
