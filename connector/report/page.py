"""Writes the page: the template beside this file, filled with what is known of a run."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from connector import __version__
from connector.pipeline.figures import AGE_NAMES, plain_text
from connector.pipeline.insight import RunInsight
from connector.report import words
from connector.report.series import Series, days_of, pace_of, past_of

EXAMPLE_COLUMNS = 5
_HERE = Path(__file__).parent


def page(insight: RunInsight, made_at: datetime) -> str:
    """The run as HTML5, complete in itself; every value of a run is escaped."""
    figures, record = insight.figures, insight.record
    days = days_of(figures) if figures else []
    return _template().render(
        run=record,
        insight=insight,
        words=words,
        made_at=made_at,
        version=__version__,
        style=(_HERE / "page.css").read_text("utf-8"),
        course=_course(insight),
        ages=[(name, figures.ages[name]) for name in AGE_NAMES] if figures else [],
        totals=[(one.title, figures.totals[one.title]) for one in days] if figures else [],
        days=days,
        pace=pace_of(insight.requests),
        past=past_of(insight.trend),
        example_columns=EXAMPLE_COLUMNS,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
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
    return environment.get_template("page.html")


def number(value: float) -> str:
    """With its thousands marked."""
    return f"{value:,.0f}"


def share(part: int, whole: int) -> str:
    """In per cent; what is not quite nothing or all does not look like it."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def amount(value: Decimal | None) -> str:
    """With its thousands marked and two places at least."""
    if value is None:
        return "–"
    whole, _, places = plain_text(value).partition(".")
    return f"{int(whole):,}.{places.ljust(2, '0')}"


def headline(value: Decimal) -> str:
    """A sum as a headline has it: whole from a thousand on."""
    return f"{value:,.0f}" if value >= 1_000 else amount(value)


def breakable(text: str) -> Markup:
    """A word of the code, which may be broken behind an underscore."""
    return Markup("_<wbr>").join(text.split("_"))


def with_commands(sentence: str) -> Markup:
    """A sentence in which commands stand between backticks."""
    parts = enumerate(sentence.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in parts)


def seconds(value: float) -> str:
    """As a person says it: 25 ms, 0.25 s, 12 s, 3 min 20 s, 2 h 5 min."""
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
    """UTC, to the second."""
    if value is None:
        return "–"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def height(value: float, series: Series) -> str:
    """Of a column, out of 100; what is not nothing can be seen."""
    return f"{max(100 * value / series.most, 1.5) if value and series.most else 0:.2f}"


def largest_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Counts by name, the largest first."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _course(insight: RunInsight) -> list[tuple[str, str, float]]:
    """When, what, and after how many seconds since the step before."""
    found, before = [], None
    for one in insight.timeline:
        at = datetime.fromisoformat(one.at)
        after = (at - before).total_seconds() if before else 0.0
        found.append((one.at, words.COURSE.get(one.what, one.what), after))
        before = at
    return found
