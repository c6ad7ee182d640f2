"""Answers over HTTP how `connector start` is, and, if asked to, with its figures."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from typing import Self

from connector.clients import FOREIGN, RequestStream, is_foreign, is_loopback
from connector.errors import ConnectorError, UsageError
from connector.scheduler.board import Board

Figures = Callable[[], tuple[str, bytes]]
"""Gives the type and the text of what `/metrics` answers. Raises ConnectorError where it cannot be found out."""

_JSON = "application/json; charset=utf-8"
_SECONDS_FOR_A_REQUEST = 10


class HealthServer:
    """Listens from entry to exit. Raises UsageError on entry where it cannot."""

    def __init__(self, board: Board, host: str, port: int, figures: Figures | None = None) -> None:
        self._board, self._host, self._port, self._figures = board, host, port, figures

    def __enter__(self) -> Self:
        try:
            self._server = _Server(self._board, (self._host, self._port), self._figures)
        except OSError as error:
            raise UsageError(
                f"{self._host}:{self._port} cannot be listened on: {error.strerror or error}. "
                "`--port` chooses another, 0 any that is free."
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="health", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, board: Board, address: tuple[str, int], figures: Figures | None) -> None:
        self.board, self.figures = board, figures
        self.is_local = is_loopback(f"//{address[0]}")
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asks and goes away is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        """Prepare to read, within the time there is for a request."""
        super().setup()
        self.rfile = BufferedReader(RequestStream(self.connection, _SECONDS_FOR_A_REQUEST, _SECONDS_FOR_A_REQUEST))

    def do_GET(self) -> None:
        """Answers with the health, the figures, or that there is nothing of that name."""
        path = self.path.partition("?")[0]
        if self.server.is_local and is_foreign({name.lower(): value for name, value in self.headers.items()}):
            self._answer(403, _JSON, json.dumps({"error": FOREIGN}).encode())
        elif path == "/healthz":
            board = self.server.board
            self._answer(
                503 if board.is_stuck else 200, _JSON, json.dumps(board.as_json(), ensure_ascii=False).encode()
            )
        elif path == "/metrics" and self.server.figures:
            self._figures(self.server.figures)
        else:
            self._answer(404, _JSON, b'{"error": "There is /healthz, and with --metrics /metrics."}')

    def _figures(self, figures: Figures) -> None:
        try:
            kind, text = figures()
        except ConnectorError:
            self._answer(503, _JSON, b'{"error": "The ledger cannot be read."}')
        else:
            self._answer(200, kind, text)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: probes come every few seconds."""
