"""The audiences that runs keep."""

from starlette.responses import Response

from connector.console.render import render
from connector.console.visit import Visit
from connector.ledger.views.audiences import list_audiences


def show(visit: Visit) -> Response:
    """List the audiences."""
    with visit.reading() as connection:
        audiences = list_audiences(connection, visit.project.target)
    return render(visit, "audiences.html", audiences=audiences, size=None, asked=None)
