"""A run that was asked for, until it starts."""

from starlette.responses import RedirectResponse, Response

from connector.console.endpoint import MissingPage
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.secret_registry import without_secrets
from connector.ledger.launches import OPEN_STATES


def show(visit: Visit) -> Response:
    """Lead to the run once there is one, or say why there is none."""
    launch = visit.ledger.launches.get(visit.path["id"])
    if launch is None:
        raise MissingPage("There is no such request for a run.")
    if launch.run_id:
        return RedirectResponse(visit.url(f"/runs/{launch.run_id}"), 303)
    error = without_secrets(launch.error or "")
    return render(visit, "launch.html", launch=launch, is_open=launch.state in OPEN_STATES, error=error)
