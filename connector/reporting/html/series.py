"""Time series that the page draws as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from connector.ledger.requests import RequestSummary
from connector.reporting.run_history import Trend
from connector.staging.event_metrics import DayValue, EventMetrics


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a series."""

    label: str
    """The time."""
    value: float
    """The height."""
    events: int = 0
    """The number of events that the table shows beside it."""
    exact: Decimal | None = None
    """The value without rounding, if it is an amount."""
    is_current: bool = False
    """True for the run that the page is about."""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns under one title."""

    title: str
    columns: Sequence[Column]

    @property
    def most(self) -> float:
        """The height of the highest column."""
        return max((column.value for column in self.columns), default=0.0)

    @property
    def highest(self) -> Decimal | None:
        """The largest exact value, if there are any."""
        return max((column.exact for column in self.columns if column.exact is not None), default=None)


def daily_values(metrics: EventMetrics) -> list[Series]:
    """Return for each currency the value sent for each day, the currency with most events first.

    Days without events are included, currencies of which no event had a value are not.
    """
    by_currency: dict[str, list[DayValue]] = {}
    for day_value in metrics.values:
        by_currency.setdefault(day_value.currency, []).append(day_value)
    ordered = sorted(by_currency.items(), key=lambda item: -sum(day_value.events for day_value in item[1]))
    return [
        Series(name, _fill_days(days))
        for name, days in ordered
        if any(day_value.value is not None for day_value in days)
    ]


def _fill_days(days: Sequence[DayValue]) -> list[Column]:
    by_day = {entry.day: entry for entry in days}
    first, last = min(by_day), max(by_day)
    columns = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        entry = by_day.get(day)
        value = entry.value if entry else None
        columns.append(Column(day.isoformat(), float(value or 0), entry.events if entry else 0, value))
    return columns


def throughput(requests: RequestSummary) -> Series | None:
    """Return the accepted events from the first answer to the last; None if there are too few answers to draw."""
    if len(requests.steps) < 3:
        return None
    columns = [
        Column(f"{datetime.fromtimestamp(step.at, UTC):%H:%M:%S}", step.events, step.throttled + step.others)
        for step in requests.steps
    ]
    return Series("Events taken", columns)


def history(trend: Trend | None) -> tuple[Series, Series] | None:
    """Return rows and seconds of the runs that this one is compared with, oldest first, itself last."""
    if trend is None:
        return None
    current = trend.history[-1]
    rows = [Column(size.run_id, size.rows, is_current=size is current) for size in trend.history]
    seconds = [Column(size.run_id, size.seconds, is_current=size is current) for size in trend.history]
    return Series("Rows read", rows), Series("Seconds", seconds)
