"""The page of an empty folder: it makes the example project there."""

from starlette.responses import RedirectResponse, Response

from connector.console.endpoint import Refused
from connector.console.render import render
from connector.console.visit import Visit
from connector.errors import UsageError
from connector.example.example_project import write_example


def show(visit: Visit) -> Response:
    """Show the button that makes the project."""
    source = visit.console.source
    if not source.is_empty:
        return RedirectResponse(visit.url("/"), 303)
    return render(visit, "start.html", folder=source.directory.name, framed=False)


def make_project(visit: Visit) -> Response:
    """Make the project, and show it."""
    if visit.console.source.is_empty:
        try:
            write_example(visit.console.source.directory)
        except UsageError as error:
            raise Refused(str(error)) from error
    return RedirectResponse("/", 303)
