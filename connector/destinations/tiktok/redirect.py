"""Where TikTok's page leads back to: a port on this machine that waits for the code."""

import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from connector.errors import AuthorisationError, UsageError

LOOK_SECONDS = 0.5
"""After so long without a visitor, it looks whether the time is over."""
VISIT_SECONDS = 10.0
"""For how long a visitor may stay silent."""

_DONE = "The code has arrived. You can close this window; the command goes on."
_FAILED = "This is not what the command waits for: see there."


def new_state() -> str:
    """What nobody can guess."""
    return secrets.token_urlsafe(24)


def parameters(address: str) -> dict[str, str]:
    """The parameters of an address; of one that is given twice the last."""
    return {key: values[-1] for key, values in parse_qs(urlsplit(address).query).items()}


def code_in(answer: Mapping[str, str], state: str) -> SecretStr:
    """The code that TikTok's page led back with. Raises AuthorisationError: denied, or the answer to another login."""
    if not secrets.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise AuthorisationError(
            "What came back belongs to another login: its state is not that of the address above. Nothing was "
            "exchanged. Start again, with the address that is printed then."
        )
    code = answer.get("auth_code") or answer.get("code")
    if not code:
        raise AuthorisationError(
            "TikTok gave no code: access was not granted. Start again and agree, as Ad Account Operator or Admin."
        )
    return SecretStr(code)


class Redirect:
    """Listens on loopback for one answer of TikTok's page. Raises UsageError where the port is not free.

    `state` is what the answer has to bring back, so that nobody else's code is taken for the user's own.
    """

    def __init__(self, port: int) -> None:
        self.state = new_state()
        self.answer: dict[str, str] = {}
        try:
            self._server = _Server(port, self.answer)
        except OSError as error:
            raise UsageError(f"Port {port} cannot be listened on: {error.strerror}.") from None

    @property
    def url(self) -> str:
        """The address that has to be registered with the app."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def code(self, seconds: float) -> SecretStr:
        """The code, once the user has agreed. Raises AuthorisationError: too late, denied, another's answer."""
        until = monotonic() + seconds
        while not self.answer:
            if monotonic() > until:
                raise AuthorisationError(f"No answer came within {seconds / 60:g} minutes. Start again.")
            self._server.handle_request()
        return code_in(self.answer, self.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()


class _Server(HTTPServer):
    timeout = LOOK_SECONDS

    def __init__(self, port: int, answer: dict[str, str]) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", port), _Visit)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that goes away is no fault of ours."""


class _Visit(BaseHTTPRequestHandler):
    server: _Server
    timeout = VISIT_SECONDS

    def do_GET(self) -> None:
        """Take the first visit that brings anything; browsers also ask for an icon."""
        given = parameters(self.path)
        self.server.answer.update(given if urlsplit(self.path).path == "/" else {})
        brought = "state" in given and bool(given.keys() & {"auth_code", "code"})
        self._say(_DONE if brought else _FAILED, 200 if brought else 400)

    def _say(self, text: str, status: int) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the line would hold the code."""
