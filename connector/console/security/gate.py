"""The first thing that every request meets: host, origin, and who asks."""

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope

from connector.console.security.headers import Send, with_headers
from connector.console.security.hosts import host_of, values_of
from connector.console.security.limits import HEAD_BYTES
from connector.console.security.origin import READING, foreign_request
from connector.console.security.peers import is_other_user
from connector.console.visit import Visitor

if TYPE_CHECKING:
    from connector.console.visit import Console

ENTER = "/enter"
STATIC = "/static/"
OTHER_HOST = "The console does not answer at this address. Open the address that it printed."
TOO_LARGE = "The headers of this request are too large."
OTHER_USER = "This console belongs to another user of this machine."

Refuse = Callable[[Scope, int, str], Response]
"""Renders the page for a status and a sentence."""


class Gate:
    """Refuses what the console does not answer; adds the visitor and the headers to the rest."""

    def __init__(self, app: ASGIApp, *, console: "Console", refuse: Refuse) -> None:
        self._app, self._console, self._refuse = app, console, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer: Callable[[Scope, Receive, Send], Awaitable[None]]
        answer = self._wrong_place(scope) or self._wrong_user(scope) or self._app
        await answer(scope, receive, with_headers(send))

    def _wrong_place(self, scope: Scope) -> Response | None:
        """Return the answer to a request for another host, or from another site's page."""
        sites, host = self._console.sites, host_of(dict(scope))
        if host in sites.aliases and scope["method"] in READING:
            query = scope["query_string"].decode("latin-1")
            path = scope["raw_path"].decode("latin-1")
            return RedirectResponse(f"{sites.home}/{path.lstrip('/')}" + (f"?{query}" if query else ""), 307)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES:
            return PlainTextResponse(TOO_LARGE, 431)
        if host not in sites.hosts:
            return PlainTextResponse(OTHER_HOST, 421)
        refusal = foreign_request(scope["method"], scope["headers"], sites)
        return PlainTextResponse(refusal, 403) if refusal else None

    def _wrong_user(self, scope: Scope) -> Response | None:
        """Return the answer to a request of nobody who may enter; set the visitor of any other."""
        if self._console.proxy:
            user, why = self._console.proxy.user_of(dict(scope))
            if user is None:
                return PlainTextResponse(why, 403)
            self._set_visitor(scope, user, "proxy", f"user {user}")
            return None
        if is_other_user(dict(scope)):
            return PlainTextResponse(OTHER_USER, 403)
        session = self._console.sessions.find(cookie_of(scope, self._console.cookie))
        if session is not None:
            self._set_visitor(scope, session.user, "link", session.key)
            return None
        is_open = scope["path"] == ENTER or scope["path"].startswith(STATIC)
        return None if is_open else self._refuse(scope, 401, "Sign in to see this page.")

    @staticmethod
    def _set_visitor(scope: Scope, user: str, via: str, identity: str) -> None:
        peer = scope["client"][0] if scope.get("client") else ""
        scope.setdefault("state", {})["visitor"] = Visitor(user, via, identity, peer)


def cookie_of(scope: Any, name: str) -> str | None:
    """Return the value of a cookie; None if there is none, or several of this name."""
    found = []
    for header in values_of(scope["headers"], "cookie"):
        for text in header.split(";"):
            try:
                pair = SimpleCookie(text.strip())
            except CookieError:
                continue
            found += [morsel.value for key, morsel in pair.items() if key == name]
    return found[0] if len(found) == 1 else None
