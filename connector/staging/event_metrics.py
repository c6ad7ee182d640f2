"""Measure the events of a run: the identifiers by which they can be matched, their age and their value.

The metrics are computed for each delivered part of a batch, stored with it in the ledger, and summed when they are
read. So no crash, bisected batch or resumed run counts an event twice or not at all.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.hashed_rows import MATCHED_BY

HOUR, DAY = 3_600, 86_400
MILLION = 6
"""Decimal places of an amount: values are counted in millionths."""

AGES = (HOUR, 6 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY)
"""Upper bounds of the classes of age, in seconds; there is one more class, for older events."""

AGE_NAMES = (
    "under 1 h", "1 to 6 h", "6 to 24 h", "1 to 2 d", "2 to 3 d", "3 to 7 d", "7 to 14 d", "14 to 28 d", "older",
)  # fmt: skip

Numbers = npt.NDArray[np.int64]

_DIGITS = 60
"""More than any sum of amounts has."""

_EPOCH = date(1970, 1, 1)
_BOUNDS = np.array(AGES)
_BITS = (np.arange(1 << len(MATCHED_BY))[:, None] >> np.arange(len(MATCHED_BY))) & 1
"""The bits of every number that `marks` can be."""


def batch_metrics(events: pa.RecordBatch, sent_at: datetime) -> dict[str, Any] | None:
    """Return the metrics of events (schema EVENTS) that are sent at a moment; None if the stage lacks the columns.

    `events`: how many; `marks`: how many have each of MATCHED_BY; `ages`: how many are in each class of age, one more
    than AGES; `newest`: the time of the latest in Unix seconds; `values`: [currency, days since 1970 in UTC, events,
    the sum of their values in millionths, or null].
    """
    if not events.num_rows or "marks" not in events.schema.names or events["marks"].null_count:
        return None
    times = events["time"].to_numpy()
    counts_by_marks = np.bincount(events["marks"].to_numpy(), minlength=len(_BITS))
    ages = np.searchsorted(_BOUNDS, int(sent_at.timestamp()) - times, side="right")
    return {
        "events": events.num_rows,
        "marks": (counts_by_marks @ _BITS).tolist(),
        "ages": np.bincount(ages, minlength=len(AGES) + 1).tolist(),
        "newest": int(times.max()),
        "values": _values(events, times // DAY),
    }


def _values(events: pa.RecordBatch, days: Numbers) -> list[list[Any]]:
    currencies = events["currency"].dictionary_encode()
    names, first = currencies.dictionary.to_pylist(), int(days.min())
    groups = (days - first) * len(names) + currencies.indices.to_numpy()
    counts = np.bincount(groups)
    known, sums = _sums(events["amount"], groups, len(counts))
    return [
        [
            names[group % len(names)],
            first + group // len(names),
            int(counts[group]),
            sums[group] if known[group] else None,
        ]
        for group in np.flatnonzero(counts).tolist()
    ]


def _sums(amounts: pa.Array, groups: Numbers, size: int) -> tuple[Numbers, list[int]]:
    """Return the number of amounts in each group, and their exact sum in millionths.

    No amount is negative. The four words of 32 bits of each amount are summed apart: these sums are exact as
    floating-point numbers, and this is several times as fast as Arrow's grouping.
    """
    valid = amounts.is_valid().to_numpy(zero_copy_only=False)
    words = np.frombuffer(amounts.buffers()[1], "<u4").reshape(-1, 4)[amounts.offset : amounts.offset + len(amounts)]
    sums = [0] * size
    for place in range(4):
        if (word := words[:, place])[valid].any():
            word_sums = np.bincount(groups[valid], word[valid], size).tolist()
            sums = [total + (int(more) << 32 * place) for total, more in zip(sums, word_sums, strict=True)]
    return np.bincount(groups[valid], minlength=size), sums


@dataclass(frozen=True, slots=True)
class DayValue:
    """The total of the delivered events of one day in one currency."""

    currency: str
    day: date
    """In UTC."""
    events: int
    value: Decimal | None
    """None if no event had a value."""


@dataclass
class EventMetrics:
    """The metrics of all delivered events of a run."""

    events: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)
    values: list[DayValue] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, Decimal]:
        """Return the total of all days by currency."""
        totals: dict[str, Decimal] = {}
        with localcontext(prec=_DIGITS):
            for day in self.values:
                if day.value is not None:
                    totals[day.currency] = totals.get(day.currency, Decimal(0)) + day.value
        return totals

    def as_json(self) -> dict[str, Any]:
        """Return the objects `match_coverage`, `freshness` and `value` of `connector runs show --json`."""
        return {
            "match_coverage": {
                "events": self.events,
                **{name: _share(self.matched[name], self.events) for name in MATCHED_BY},
            },
            "freshness": [{"age": name, "events": self.ages[name]} for name in AGE_NAMES],
            "value": [
                {
                    "currency": one.currency,
                    "day": one.day.isoformat(),
                    "events": one.events,
                    "value": None if one.value is None else plain_text(one.value),
                }
                for one in self.values
            ],
        }


def sum_metrics(parts: Iterable[Mapping[str, Any]]) -> EventMetrics | None:
    """Sum the metrics of the parts of a run; return None if there are none."""
    run, sums, counts = EventMetrics(), dict[tuple[str, int], int | None](), Counter[tuple[str, int]]()
    for part in parts:
        run.events += part["events"]
        run.matched.update(dict(zip(MATCHED_BY, part["marks"], strict=True)))
        run.ages.update(dict(zip(AGE_NAMES, part["ages"], strict=True)))
        for currency, day, events, value in part["values"]:
            key = currency, day
            counts[key] += events
            sums[key] = sums.get(key) if value is None else (sums.get(key) or 0) + value
    for (currency, day), value in sorted(sums.items()):
        moment = _EPOCH + timedelta(days=day)
        run.values.append(DayValue(currency, moment, counts[currency, day], None if value is None else _exact(value)))
    return run if run.events else None


def _exact(millionths: int) -> Decimal:
    return Decimal(f"{millionths}e-{MILLION}")


def plain_texts(values: Mapping[str, Decimal]) -> dict[str, str]:
    """Write amounts by currency as plain decimal numbers."""
    return {currency: plain_text(value) for currency, value in sorted(values.items())}


def plain_text(value: Decimal) -> str:
    """Write a sum without an exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _share(part: int, whole: int) -> dict[str, Any]:
    return {"events": part, "percent": round(100 * part / whole, 2) if whole else None}
