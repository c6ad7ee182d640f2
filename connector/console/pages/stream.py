"""A run while it goes on, as a stream of pictures."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from connector.config.roles import rights_of
from connector.console.lists import status_now
from connector.console.live import RunWatch, picture_of
from connector.console.visit import Console, Visit
from connector.core.outcomes import RunStatus
from connector.errors import ConnectorError
from connector.ledger.views.run_page import read_run
from connector.ledger.views.work import work_under_way

LONGEST_SECONDS = 15 * 60
"""A stream ends after so long, and the browser opens another one."""
COMMENT_SECONDS = 15
"""A comment is sent after so long without news, so that nothing between takes the stream for dead."""
_LOOK_SECONDS = 0.25
_HEADERS = {"x-accel-buffering": "no"}
TOO_MANY = "Too many pages watch runs. Close one, or reload this page later."


class _Stream(StreamingResponse):
    """A response that gives its place in the limit of streams back, however it ends."""

    def __init__(self, content: AsyncIterator[str], release: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers=_HEADERS)
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


def state(visit: Visit) -> Response:
    """Return the picture of a run as JSON, for browsers between which and the console something holds streams back."""
    picture = read_picture(visit.console, visit.path["run_id"])
    return JSONResponse(picture) if picture else PlainTextResponse("There is no such run.", 404)


def read_picture(console: Console, run_id: str) -> dict[str, Any] | None:
    """Return the picture of a run; None if there is no run with this id."""
    project = console.source.state().project
    with console.ledgers.of(project).database.reading() as connection:
        page = read_run(connection, run_id)
        if page is None:
            return None
        work = work_under_way(connection, project.state_directory, page.run.target)
    return picture_of(page, status_now(page.run, work), datetime.now(UTC))


def run_events(console: Console) -> Callable[[Request], Any]:
    """Return the endpoint of the stream of a run."""

    async def answer(request: Request) -> Response:
        run_id, visitor = request.path_params["run_id"], request.state.visitor
        try:
            picture = await asyncio.to_thread(_first_picture, console, run_id, visitor.user)
        except ConnectorError:
            return PlainTextResponse("The ledger cannot be read.", 503)
        if isinstance(picture, Response):
            return picture
        if picture["status"] != RunStatus.RUNNING:
            # Tells the browser not to open the stream again.
            return Response(status_code=204)
        stack = ExitStack()
        if not stack.enter_context(console.streams.opened(visitor.identity)):
            return PlainTextResponse(TOO_MANY, 503)
        watch = console.watches.join(run_id, lambda: read_picture(console, run_id) or {})
        stack.callback(console.watches.leave, run_id)
        return _Stream(_events(console, watch), stack.close)

    return answer


def _first_picture(console: Console, run_id: str, user: str) -> dict[str, Any] | Response:
    if not rights_of(user, console.source.state().project.roles).has_role:
        return PlainTextResponse(f"{user} may not use the console: no role names them.", 403)
    return read_picture(console, run_id) or PlainTextResponse("There is no such run.", 404)


async def _events(console: Console, watch: RunWatch) -> AsyncIterator[str]:
    """Yield each new picture whole, so that one that is lost costs nothing."""
    yield "retry: 3000\n\n"
    began = spoke = time.monotonic()
    sent = 0
    while not console.stopping.is_set() and time.monotonic() - began < LONGEST_SECONDS:
        if watch.number > sent:
            sent, spoke = watch.number, time.monotonic()
            yield f"id: {sent}\nevent: state\ndata: {json.dumps(watch.picture)}\n\n"
        if watch.has_ended:
            yield f"event: end\ndata: {watch.picture['status']}\n\n"
            return
        if time.monotonic() - spoke > COMMENT_SECONDS:
            spoke = time.monotonic()
            yield ": still there\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
