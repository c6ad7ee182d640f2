"""Listen on a local port for the code with which TikTok's page redirects."""

import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from connector.core.local_server import RequestStream
from connector.errors import AuthorisationError, UsageError

VISIT_SECONDS = 10.0
"""Seconds in which a visitor must send its request."""

_DONE = "The code has arrived. You can close this window; the command continues."
_DENIED = "TikTok gave no code: access was not granted. You can close this window; the command has ended."
_OTHER = (
    "This address belongs to another login: its state is missing or is not the one that the command waits for. "
    "Open the address that the command printed last. The command is still waiting."
)
_OVER = "This login has its answer already. You can close this window."
_NOTHING = "There is nothing here."


def new_state() -> str:
    """Return a random state that cannot be guessed."""
    return secrets.token_urlsafe(24)


def parameters(address: str) -> dict[str, str]:
    """Return the parameters of an address; of one that occurs twice, the last value."""
    return {key: values[-1] for key, values in parse_qs(urlsplit(address).query).items()}


def code_in(answer: Mapping[str, str], state: str) -> SecretStr:
    """Return the code of an answer. Raises AuthorisationError if access was denied or the state is another login's."""
    if not is_of(answer, state):
        raise AuthorisationError(
            "What came back belongs to another login: its state is not that of the address above. Nothing was "
            "exchanged. Start again, with the address that is printed then."
        )
    code = _code(answer)
    if not code:
        raise AuthorisationError(
            "TikTok gave no code: access was not granted. Start again and agree, as Ad Account Operator or Admin."
        )
    return SecretStr(code)


def is_of(answer: Mapping[str, str], state: str) -> bool:
    """Return whether an answer has this state."""
    return secrets.compare_digest(answer.get("state", "").encode(), state.encode())


def _code(answer: Mapping[str, str]) -> str:
    return answer.get("auth_code") or answer.get("code") or ""


class Redirect:
    """Listens on loopback for one answer of TikTok's page. Raises UsageError if the port is in use.

    The answer must have the same `state`, so that no code of another login is accepted. A visit without it is refused.
    """

    def __init__(self, port: int) -> None:
        self.state = new_state()
        try:
            self._server = _Server(port, self.state)
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be listened on: {error.strerror}. `--port` chooses another, 0 any that is free."
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="redirect", daemon=True).start()

    @property
    def url(self) -> str:
        """The address to register with the app."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def code(self, seconds: float) -> SecretStr:
        """Wait for the code. Raises AuthorisationError if it is late or access was denied."""
        if not self._server.answered.wait(seconds):
            others = self._server.others
            visits = f" Visits with a missing or wrong state: {others}." if others else ""
            raise AuthorisationError(f"No answer came within {seconds / 60:g} minutes.{visits} Start again.")
        return code_in(self._server.answer, self.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Serves each visit in a thread, so that a silent connection blocks no other.

    `answered` is set once `answer` is there and its visitor has been answered; `others` counts visits with another
    state.
    """

    daemon_threads = True

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.answer: dict[str, str] = {}
        self.answered, self.others = threading.Event(), 0
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Visit)

    def take(self, given: dict[str, str]) -> tuple[int, str, bool]:
        """Store the first answer with the right state; return status and text for the visitor, and if it is new."""
        with self._lock:
            if not is_of(given, self.state):
                self.others += 1
                return 400, _OTHER, False
            if self.answer:
                return 200, _OVER, False
            self.answer = given
        return (200, _DONE, True) if _code(given) else (400, _DENIED, True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a visitor that disconnects."""


class _Visit(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        """Prepare to read, within the time that a visitor has."""
        super().setup()
        self.rfile = BufferedReader(RequestStream(self.connection, VISIT_SECONDS, VISIT_SECONDS))

    def do_GET(self) -> None:
        """Handle the answer of TikTok's page; browsers also request an icon."""
        if urlsplit(self.path).path != "/":
            self._say(404, _NOTHING)
            return
        status, text, is_answer = self.server.take(parameters(self.path))
        try:
            self._say(status, text)
        finally:
            if is_answer:
                self.server.answered.set()

    def do_HEAD(self) -> None:
        """Report whether the page exists, and store nothing."""
        self._say(200 if urlsplit(self.path).path == "/" else 404, "")

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the line would contain the code."""
