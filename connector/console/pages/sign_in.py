"""Sign-in by the one-time link, and sign-out."""

from starlette.responses import RedirectResponse, Response

from connector.console.actions import record
from connector.console.endpoint import MissingPage
from connector.console.render import error_page, render
from connector.console.security.gate import cookie_of
from connector.console.visit import Visit

TOO_MANY = "Too many codes were tried. Wait a minute."
NOT_VALID = (
    "This link is not valid any more: it works once, within 5 minutes. Press Enter in the terminal for a new one."
)


def show(visit: Visit) -> Response:
    """Show the button that signs in; the code is in the link behind #, which browsers do not send."""
    _check_link(visit)
    return render(visit, "enter.html", error=None, next_path="/")


def sign_in(visit: Visit) -> Response:
    """Spend the code, and start a session."""
    _check_link(visit)
    console = visit.console
    if not console.codes.may_try():
        return error_page(visit, 429, TOO_MANY)
    target = local_path(str(visit.form.get("next", "/")))
    if not console.codes.spend(str(visit.form.get("code", "")).strip()):
        record(visit, "sign_in", allowed=False, user=console.owner)
        return render(visit, "enter.html", error=NOT_VALID, next_path=target, http_status=403)
    value = console.sessions.start(console.owner, cookie_of(visit.request.scope, console.cookie))
    record(visit, "sign_in", user=console.owner)
    response = RedirectResponse(target, 303)
    response.set_cookie(console.cookie, value, path="/", httponly=True, samesite="lax", secure=console.sites.is_https)
    return response


def sign_out(visit: Visit) -> Response:
    """End the session."""
    _check_link(visit)
    console = visit.console
    record(visit, "sign_out")
    console.sessions.end(cookie_of(visit.request.scope, console.cookie))
    response = RedirectResponse("/enter", 303)
    response.delete_cookie(console.cookie, path="/", httponly=True, samesite="lax", secure=console.sites.is_https)
    return response


def _check_link(visit: Visit) -> None:
    if visit.console.proxy:
        raise MissingPage("The proxy signs you in and out.")


def local_path(path: str) -> str:
    """Return a path of this console; any other address becomes the overview."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_local else "/"
