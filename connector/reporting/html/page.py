"""Rendering of the page: the template beside this file, filled with the details of a run."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from connector.core.version import __version__
from connector.reporting.html import labels
from connector.reporting.html.series import Series, daily_values, history, throughput
from connector.reporting.run_details import RunDetails
from connector.staging.event_metrics import AGE_NAMES, plain_text

EXAMPLE_COLUMNS = 5
_HERE = Path(__file__).parent


def page(details: RunDetails, made_at: datetime) -> str:
    """Render the run as self-contained HTML5; every value of a run is escaped."""
    return _template().render(
        **body_values(details),
        made_at=made_at,
        version=__version__,
        style=(_HERE / "page.css").read_text("utf-8"),
    )


def body_values(details: RunDetails) -> dict[str, Any]:
    """Return what the templates of the body need, which the console shares."""
    metrics = details.metrics
    days = daily_values(metrics) if metrics else []
    return {
        "run": details.record,
        "details": details,
        "labels": labels,
        "timeline": _timeline(details),
        "ages": [(name, metrics.ages[name]) for name in AGE_NAMES] if metrics else [],
        "totals": [(day.title, metrics.totals[day.title]) for day in days] if metrics else [],
        "days": days,
        "throughput": throughput(details.requests),
        "history": history(details.trend),
        "example_columns": EXAMPLE_COLUMNS,
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template("page.html")


def number(value: float) -> str:
    """Format a number with thousands separators."""
    return f"{value:,.0f}"


def share(part: int, whole: int) -> str:
    """Format a percentage; less than 0.1 or more than 99.9 is not rounded to nothing or all."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def amount(value: Decimal | None) -> str:
    """Format an amount with thousands separators and at least two decimals."""
    if value is None:
        return "–"
    whole, _, places = plain_text(value).partition(".")
    return f"{int(whole):,}.{places.ljust(2, '0')}"


def headline(value: Decimal) -> str:
    """Format an amount for a headline: whole from a thousand on."""
    return f"{value:,.0f}" if value >= 1_000 else amount(value)


def breakable(text: str) -> Markup:
    """Allow line breaks behind the underscores of an identifier."""
    return Markup("_<wbr>").join(text.split("_"))


def with_commands(sentence: str) -> Markup:
    """Mark up commands between backticks in a sentence."""
    parts = enumerate(sentence.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in parts)


def seconds(value: float) -> str:
    """Format a duration: 25 ms, 0.25 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if value < 0.1:
        return f"{1_000 * value:.0f} ms"
    if value < 10:
        return f"{value:.2f}".rstrip("0").rstrip(".") + " s"
    if value < 120:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(value: str | datetime | None) -> str:
    """Format a time in UTC, to the second."""
    if value is None:
        return "–"
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def height(value: float, series: Series) -> str:
    """Return a column's height out of 100; a value above 0 stays visible."""
    return f"{max(100 * value / series.most, 1.5) if value and series.most else 0:.2f}"


def largest_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Sort counts by name, the largest first."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _timeline(details: RunDetails) -> list[tuple[str, str, float]]:
    """Return when each step was, what it was, and the seconds since the step before."""
    steps, previous = [], None
    for entry in details.timeline:
        time = datetime.fromisoformat(entry.at)
        elapsed = (time - previous).total_seconds() if previous else 0.0
        steps.append((entry.at, labels.TIMELINE.get(entry.what, entry.what), elapsed))
        previous = time
    return steps


FILTERS: dict[str, Callable[..., object]] = {
    "number": number,
    "share": share,
    "amount": amount,
    "headline": headline,
    "breakable": breakable,
    "with_commands": with_commands,
    "seconds": seconds,
    "moment": moment,
    "height": height,
    "largest_first": largest_first,
}
"""The filters of the templates."""
