"""A service and a web address on this machine that keep what they get."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Service:
    """`got` is what came, by path. It answers with the status at the end of the path, once `go_on` is set."""

    port: int = 0
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/apprise"

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def told(self, path: str = "/apprise") -> list[dict[str, Any]]:
        return [body for at, body in self.got if at.rstrip("/") == path]

    @property
    def titles(self) -> list[str]:
        return [body["title"] for body in self.told()]


@contextmanager
def listening() -> Iterator[Service]:
    service = Service()
    service.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            service.go_on.wait(20)
            last = self.path.rpartition("/")[2]
            self.send_response(int(last) if last.isdigit() else 200)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            service.go_on.set()
            server.shutdown()
            thread.join()
