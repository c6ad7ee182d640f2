"""The requests of a run."""

from starlette.responses import Response

from connector.console.lists import PAGE_LINES
from connector.console.pages.run import find
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.secret_registry import without_secrets
from connector.ledger.views.run_page import list_requests


def show(visit: Visit) -> Response:
    """Show a page of the requests, in the order of their answers."""
    page = find(visit)
    after = visit.query.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
    with visit.reading() as connection:
        requests = list_requests(connection, page.run.run_id, after=number, limit=PAGE_LINES + 1)
    shown = requests[:PAGE_LINES]
    path = f"/runs/{page.run.run_id}/requests"
    return render(
        visit,
        "requests.html",
        listed=page.run,
        requests=[(one, without_secrets(one.request.message or "")) for one in shown],
        later=visit.url(path, after=shown[-1].id) if len(requests) > PAGE_LINES else None,
    )
