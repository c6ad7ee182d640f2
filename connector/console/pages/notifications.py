"""The page of notices: failed and recovered runs, and who was notified of each."""

from starlette.responses import RedirectResponse, Response

from connector.console.endpoint import Refused
from connector.console.lists import PAGE_LINES
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.secret_registry import without_secrets
from connector.ledger.views.notices import list_notices


def show(visit: Visit) -> Response:
    """Show a page of the notices, latest first."""
    kind, before = visit.query.get("kind", ""), visit.query.get("before", "")
    with visit.reading() as connection:
        notices = list_notices(
            connection,
            visit.project.target,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None,
            kinds=(kind,) if kind else (),
            limit=PAGE_LINES + 1,
        )
    shown = notices[:PAGE_LINES]
    older = visit.url("/notifications", kind=kind, before=shown[-1].id) if len(notices) > PAGE_LINES else None
    lines = [(one, without_secrets(one.text)) for one in shown]
    return render(visit, "notifications.html", lines=lines, kind=kind, older=older)


def mark_read(visit: Visit) -> Response:
    """Mark the notices that the page showed as read."""
    until = str(visit.form.get("until", ""))
    if not (until.isascii() and until.isdigit() and len(until) < 16):
        raise Refused("The form names no notice.", 400)
    visit.ledger.notices.mark_read(visit.project.target, int(until))
    return RedirectResponse(visit.url("/notifications"), 303)
