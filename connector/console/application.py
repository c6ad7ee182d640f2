"""The routes of the console, and what stands before them."""

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from connector.console import static_files
from connector.console.endpoint import START, PageFunction, Right, endpoint
from connector.console.pages import (
    audiences,
    audit,
    destinations,
    launches,
    new,
    notifications,
    orchestration,
    overview,
    plan,
    rejects,
    requests,
    run,
    run_actions,
    runs,
    schedule,
    settings,
    sign_in,
    start,
    stream,
)
from connector.console.render import error_page, render
from connector.console.security.gate import ENTER, Gate
from connector.console.security.limits import BODY_BYTES, LEDGER_THREADS
from connector.console.visit import Console, Visit

PAGES: tuple[tuple[str, PageFunction, str, Right], ...] = (
    ("/", overview.show, "GET", Right.SEE),
    ("/new/{step}", new.show, "GET", Right.EDIT),
    ("/new/{step}", new.answer, "POST", Right.EDIT),
    ("/orchestrations/{name}/settings", settings.show, "GET", Right.EDIT),
    ("/orchestrations/{name}/settings", settings.change, "POST", Right.EDIT),
    ("/destinations/{name}/settings", settings.show, "GET", Right.EDIT),
    ("/destinations/{name}/settings", settings.change, "POST", Right.EDIT),
    (START, start.show, "GET", Right.NONE),
    (START, start.make_project, "POST", Right.NONE),
    (ENTER, sign_in.show, "GET", Right.NONE),
    (ENTER, sign_in.sign_in, "POST", Right.NONE),
    ("/leave", sign_in.sign_out, "POST", Right.SEE),
    ("/orchestrations/{name}", orchestration.show, "GET", Right.SEE),
    ("/orchestrations/{name}/run", plan.options, "GET", Right.SEE),
    ("/orchestrations/{name}/plan", plan.start, "POST", Right.SEE),
    ("/plans/{id}", plan.show, "GET", Right.SEE),
    ("/plans/{id}/run", plan.confirm, "POST", Right.SEE),
    ("/plans/{id}/cancel", plan.cancel, "POST", Right.SEE),
    ("/launches/{id}", launches.show, "GET", Right.SEE),
    ("/runs/{run_id}/stop", run_actions.ask_stop, "GET", Right.SEE),
    ("/runs/{run_id}/stop", run_actions.stop, "POST", Right.SEE),
    ("/runs/{run_id}/resume", run_actions.ask_resume, "GET", Right.SEE),
    ("/runs/{run_id}/resume", run_actions.resume, "POST", Right.SEE),
    ("/runs/{run_id}/retry", run_actions.ask_retry, "GET", Right.SEE),
    ("/runs/{run_id}/retry", run_actions.retry, "POST", Right.SEE),
    ("/destinations/{name}/test", destinations.test, "POST", Right.SEE),
    ("/schedule/{name}/pause", schedule.pause, "POST", Right.SEE),
    ("/schedule/{name}/unpause", schedule.unpause, "POST", Right.SEE),
    ("/notifications/read", notifications.mark_read, "POST", Right.SEE),
    ("/runs", runs.show, "GET", Right.SEE),
    ("/runs/{run_id}", run.show, "GET", Right.SEE),
    ("/runs/{run_id}/state", stream.state, "GET", Right.SEE),
    ("/runs/{run_id}/requests", requests.show, "GET", Right.SEE),
    ("/runs/{run_id}/rejects", rejects.show, "GET", Right.SEE),
    ("/runs/{run_id}/rejects.{kind}", rejects.download, "GET", Right.SEE),
    ("/audiences", audiences.show, "GET", Right.SEE),
    ("/audiences/{id}/size", audiences.ask_size, "POST", Right.SEE),
    ("/destinations", destinations.show, "GET", Right.SEE),
    ("/destinations/{name}", destinations.show_one, "GET", Right.SEE),
    ("/schedule", schedule.show, "GET", Right.SEE),
    ("/notifications", notifications.show, "GET", Right.SEE),
    ("/audit", audit.show, "GET", Right.SEE),
)
"""Path, page, method, and what it takes to open it."""
_SENTENCES = {
    404: "There is no such page.",
    405: "This address does not take that.",
    413: f"The form is larger than {BODY_BYTES // 1024} KiB.",
}


def build_application(console: Console) -> Starlette:
    """Return the application of a console."""
    limiter = CapacityLimiter(LEDGER_THREADS)
    routes = [
        Route(path, endpoint(function, console, limiter, right), methods=[method])
        for path, function, method, right in PAGES
    ]
    events = Route("/runs/{run_id}/events", stream.run_events(console), methods=["GET"])
    static = Route("/static/{version}/{name}", static_files.serve, methods=["GET"])

    def refuse(scope: Scope, status: int, message: str) -> Response:
        visit = Visit(Request(scope), console, None, None)
        if status != 401:
            return error_page(visit, status, message)
        query = scope["query_string"].decode("latin-1")
        path = scope["path"] + (f"?{query}" if query else "") if scope["method"] == "GET" else "/"
        return render(visit, "enter.html", error=message, next_path=path, http_status=401)

    def show_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        visit = Visit(request, console, request.scope.get("state", {}).get("visitor"), None)
        response = error_page(visit, status, _SENTENCES.get(status, "The request cannot be read."))
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return Starlette(
        routes=[events, *routes, static],
        middleware=[Middleware(Gate, console=console, refuse=refuse)],
        exception_handlers={HTTPException: show_error},
        max_body_size=BODY_BYTES,
    )
