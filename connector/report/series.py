"""Numbers along time, as the page draws them: a column each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from connector.ledger.requests import RequestSummary
from connector.pipeline.figures import DayValue, RunFigures
from connector.pipeline.trend import Trend


@dataclass(frozen=True, slots=True)
class Column:
    """`label` says when, `value` how high; `events` is what a table says beside it; `now` marks this very run."""

    label: str
    value: float
    events: int = 0
    exact: Decimal | None = None
    now: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Columns under one title; `most` is the highest of them."""

    title: str
    columns: Sequence[Column]

    @property
    def most(self) -> float:
        """The highest column."""
        return max((one.value for one in self.columns), default=0.0)

    @property
    def highest(self) -> Decimal | None:
        """The largest of the exact values, where there are some."""
        return max((one.exact for one in self.columns if one.exact is not None), default=None)


def days_of(figures: RunFigures) -> list[Series]:
    """For each currency what was sent for each day, days without events included, the largest currency by events first.

    Currencies of which no event had a value are not among them.
    """
    by_currency: dict[str, list[DayValue]] = {}
    for one in figures.values:
        by_currency.setdefault(one.currency, []).append(one)
    ordered = sorted(by_currency.items(), key=lambda item: -sum(one.events for one in item[1]))
    return [Series(name, _every_day(days)) for name, days in ordered if any(one.value is not None for one in days)]


def _every_day(days: Sequence[DayValue]) -> list[Column]:
    known = {one.day: one for one in days}
    first, last = min(known), max(known)
    found = []
    for place in range((last - first).days + 1):
        day = first + timedelta(days=place)
        one = known.get(day)
        value = one.value if one else None
        found.append(Column(day.isoformat(), float(value or 0), one.events if one else 0, value))
    return found


def pace_of(requests: RequestSummary) -> Series | None:
    """Events taken, step by step from the first answer to the last; None where there are too few answers to draw."""
    if len(requests.steps) < 3:
        return None
    columns = [
        Column(f"{datetime.fromtimestamp(one.at, UTC):%H:%M:%S}", one.events, one.throttled + one.others)
        for one in requests.steps
    ]
    return Series("Events taken", columns)


def past_of(trend: Trend | None) -> tuple[Series, Series] | None:
    """Rows and seconds of the runs that this one is compared with, oldest first, and of itself, last."""
    if trend is None:
        return None
    size = len(trend.history)
    rows = [Column(one.run_id, one.rows, now=place == size - 1) for place, one in enumerate(trend.history)]
    seconds = [Column(one.run_id, one.seconds, now=place == size - 1) for place, one in enumerate(trend.history)]
    return Series("Rows read", rows), Series("Seconds", seconds)
