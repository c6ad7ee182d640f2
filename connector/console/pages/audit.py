"""Who did what, and who was refused."""

from starlette.responses import Response

from connector.console.lists import PAGE_LINES
from connector.console.render import render
from connector.console.visit import Visit
from connector.ledger.views.activity import AuditFilter, list_audit


def show(visit: Visit) -> Response:
    """Show a page of the audit, latest first."""
    query = {key: visit.query[key] for key in ("user", "command", "allowed") if visit.query.get(key)}
    before = visit.query.get("before", "")
    wanted = AuditFilter(
        target=visit.project.target,
        user=query.get("user"),
        command=query.get("command"),
        allowed={"yes": True, "no": False}.get(query.get("allowed", "")),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None,
        limit=PAGE_LINES + 1,
    )
    with visit.reading() as connection:
        lines = list_audit(connection, wanted)
    shown = lines[:PAGE_LINES]
    older = visit.url("/audit", **query, before=shown[-1].id) if len(lines) > PAGE_LINES else None
    return render(visit, "audit.html", lines=shown, chosen=query, is_filtered=bool(query), older=older)
