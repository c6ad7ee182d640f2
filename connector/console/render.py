"""Rendering of pages: templates, filters, and the frame around them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from connector.console.security.form_tokens import FIELD
from connector.console.static_files import static_path
from connector.console.visit import Visit
from connector.core.version import __version__
from connector.errors import ConnectorError
from connector.ledger.views.frame import FrameCounts, count_frame
from connector.reporting.html import page as report

_HERE = Path(__file__).parent
TITLES = {
    400: "This cannot be shown",
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Nothing was changed",
    413: "Too large",
    421: "Another address",
    429: "Too many tries",
    500: "An error in the console",
    503: "Not available now",
}
THEME = "connector_theme"
"""The name of the cookie with the choice of light or dark."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_HERE / "templates", Path(report.__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**report.FILTERS, "ago": ago, "until": until, "duration": report.seconds}
    environment.globals |= {"version": __version__, "static": static_path, "FORM_FIELD": FIELD}
    return environment


def render(visit: Visit, template: str, *, http_status: int = 200, **values: Any) -> Response:
    """Render a page within the frame."""
    # Where the ledger is slow or cannot be read, the page that says so does without it.
    has_counts = values.get("framed") is not False and http_status < 500
    frame = {**_frame(visit), "counts": _counts(visit) if has_counts else None, **values}
    text = _environment().get_template(template).render(visit=visit, now=datetime.now(UTC), **frame)
    return HTMLResponse(text, http_status)


def _frame(visit: Visit) -> dict[str, Any]:
    theme = visit.request.cookies.get(THEME)
    return {
        "theme": theme if theme in {"light", "dark"} else None,
        "section": visit.request.url.path.split("/")[1],
    }


def _counts(visit: Visit) -> FrameCounts | None:
    """Return the counts of the frame; None before sign-in, and if the ledger cannot be read."""
    if not visit.is_signed_in:
        return None
    try:
        with visit.reading() as connection:
            return count_frame(connection, visit.project.target)
    except ConnectorError:
        return None


def error_page(visit: Visit, status: int, message: str) -> Response:
    """Render the page of an error: one sentence of fact, and what to do."""
    try:
        is_known = visit.is_signed_in and visit.rights.has_role
    except ConnectorError:
        is_known = False
    response = render(
        visit,
        "error.html",
        http_status=status,
        title=TITLES.get(status, "Not possible"),
        message=message,
        framed=is_known,
    )
    response.headers["cache-control"] = "no-store"
    return response


def ago(value: str | datetime | None, now: datetime) -> str:
    """Format how long ago a time was: 5 min old, 3 h old, 2 days old."""
    if value is None:
        return "–"
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{_rough(now - time)} ago"


def until(value: datetime | None, now: datetime) -> str:
    """Format how long it is until a time."""
    return "–" if value is None else f"in {_rough(value - now)}"


def _rough(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for size, name in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{seconds} s"
