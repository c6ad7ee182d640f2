"""The server of the console: binds its address first, runs in a thread, and ends with streams open."""

import logging
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from connector.config.console import PROXY, ConsoleSettings
from connector.config.roles import os_user
from connector.core.local_server import is_loopback
from connector.core.version import install_hint
from connector.errors import ConnectorError, UsageError

if TYPE_CHECKING:
    import uvicorn

    from connector.console.visit import Console, Log

PORT = 8790
_GRACE_SECONDS = 2


class ConsoleServer:
    """Serves from entry to exit. Raises UsageError on entry if the port is not free."""

    def __init__(self, console: "Console", listener: socket.socket) -> None:
        self.console, self._listener = console, listener
        self._server: uvicorn.Server | None = None

    def __enter__(self) -> Self:
        import uvicorn

        from connector.console.application import build_application
        from connector.console.security.limits import CONNECTIONS, HEAD_BYTES

        # Its traces could quote data; what pages log is written by `Console.log`.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        config = uvicorn.Config(
            build_application(self.console),
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            h11_max_incomplete_event_size=HEAD_BYTES,
            http="h11",
            ws="none",
            lifespan="off",
            limit_concurrency=CONNECTIONS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="console", daemon=True
        )
        self._thread.start()
        threading.Thread(target=self._start_launches, name="launches", daemon=True).start()
        return self

    def _start_launches(self) -> None:
        """Start what waits, also what an earlier console left, once a page has opened the ledger."""
        while not self.console.stopping.wait(1.0):
            ledger = self.console.ledgers.opened
            if ledger is not None:
                with suppress(ConnectorError):
                    self.console.launcher(ledger).tick()

    def __exit__(self, *_: object) -> None:
        self.console.stopping.set()
        self.console.plans.cancel_all()
        if self._server:
            self._server.should_exit = True
            self._thread.join(_GRACE_SECONDS + 1)
        self._listener.close()
        self.console.ledgers.close()

    @property
    def home(self) -> str:
        """The address to show to people."""
        return self.console.sites.home

    def new_link(self) -> str:
        """Return a link that signs in once; the one before is not valid any more."""
        return f"{self.home}/enter#{self.console.codes.new()}"


def open_console(
    directory: Path, environ: Mapping[str, str], target: str | None, host: str, port: int, log: "Log"
) -> ConsoleServer:
    """Return a server that listens already. Raises ConfigurationError, UsageError if it cannot listen there."""
    _require_packages()
    from connector.console.project_source import ProjectSource
    from connector.console.security.hosts import loopback_sites, proxied_sites
    from connector.console.security.proxy import trusted_proxy
    from connector.console.visit import Console

    source = ProjectSource(directory, environ, target)
    settings = ConsoleSettings() if source.is_empty else source.state().project.console
    is_proxied = settings.auth == PROXY
    if not is_proxied and not is_loopback(f"//[{host}]" if ":" in host else f"//{host}"):
        raise UsageError(
            f'--host "{host}" would open the console to other machines: use 127.0.0.1, or set `console.auth: proxy` '
            "and serve it through a proxy that signs users in."
        )
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    sites = proxied_sites(settings.origins) if is_proxied else loopback_sites(host, port)
    console = Console(source, sites, port, log, os_user(), proxy=trusted_proxy(settings) if is_proxied else None)
    return ConsoleServer(console, listener)


def _require_packages() -> None:
    missing = [name for name in ("starlette", "uvicorn", "python_multipart") if find_spec(name) is None]
    if missing:
        raise UsageError(f"The console needs other packages: {install_hint('console')}.")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Choose another `--port`; 0 picks a free "
            "one."
        ) from None
    return listener
