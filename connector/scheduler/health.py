"""The HTTP server of `connector start`: `/healthz`, and `/metrics` if asked for."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from typing import Self

from connector.core.local_server import FOREIGN, RequestStream, is_foreign, is_loopback
from connector.errors import ConnectorError, UsageError
from connector.scheduler.status import SchedulerStatus

MetricsSource = Callable[[], tuple[str, bytes]]
"""Returns the content type and the text of `/metrics`. Raises ConnectorError if the ledger cannot be read."""

_JSON = "application/json; charset=utf-8"
_REQUEST_TIMEOUT = 10


class HealthServer:
    """Listens from entry to exit. Raises UsageError on entry if it cannot."""

    def __init__(self, status: SchedulerStatus, host: str, port: int, metrics: MetricsSource | None = None) -> None:
        self._status, self._host, self._port, self._metrics = status, host, port, metrics

    def __enter__(self) -> Self:
        try:
            self._server = _Server(self._status, (self._host, self._port), self._metrics)
        except OSError as error:
            raise UsageError(
                f"{self._host}:{self._port} cannot be listened on: {error.strerror or error}. "
                "Choose another `--port`; 0 picks a free one."
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="health", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address it listens on."""
        return f"http://{self._host}:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status: SchedulerStatus, address: tuple[str, int], metrics: MetricsSource | None) -> None:
        self.status, self.metrics = status, metrics
        self.is_local = is_loopback(f"//{address[0]}")
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: a client that disconnects is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        """Set the timeouts of the connection."""
        super().setup()
        self.rfile = BufferedReader(RequestStream(self.connection, _REQUEST_TIMEOUT, _REQUEST_TIMEOUT))

    def do_GET(self) -> None:
        """Answer with the health, the metrics, or 404."""
        path = self.path.partition("?")[0]
        if self.server.is_local and is_foreign({name.lower(): value for name, value in self.headers.items()}):
            self._answer(403, _JSON, json.dumps({"error": FOREIGN}).encode())
        elif path == "/healthz":
            status = self.server.status
            self._answer(
                503 if status.is_stuck else 200, _JSON, json.dumps(status.as_json(), ensure_ascii=False).encode()
            )
        elif path == "/metrics" and self.server.metrics:
            self._metrics(self.server.metrics)
        else:
            self._answer(404, _JSON, b'{"error": "There is /healthz, and with --metrics /metrics."}')

    def _metrics(self, metrics: MetricsSource) -> None:
        try:
            content_type, text = metrics()
        except ConnectorError:
            self._answer(503, _JSON, b'{"error": "The ledger cannot be read."}')
        else:
            self._answer(200, content_type, text)

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: probes come every few seconds."""
