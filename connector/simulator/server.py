"""The simulator: a local TikTok in threads of this process."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from connector.simulator.faults import Fault
from connector.simulator.http_server import HttpServer
from connector.simulator.recording import Recording
from connector.simulator.routes import answer
from connector.simulator.strictness import STRICT, Strictness
from connector.simulator.tally import Tally, summary
from connector.simulator.world import World


class Simulator:
    """A context manager around a local TikTok; `url` is its `api_url`.

    `port` 0 chooses a free one; entering raises OSError if it is in use. `clock` gives Unix seconds.
    With `state`, events and audiences are kept in a file, which several simulators may share; raises ConnectorError if
    it is damaged. `tokens` and `event_sources` are the only ones that there are; without them every one is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        strictness: Strictness = STRICT,
        faults: Iterable[Fault] = (),
        recording: Recording | None = None,
        tokens: Iterable[str] = (),
        event_sources: Iterable[str] = (),
        state: Path | None = None,
    ) -> None:
        self.world = World(clock, strictness, faults, recording, state)
        self.world.accounts.restrict_tokens(tokens)
        self.world.accounts.restrict_event_sources(event_sources)
        self._port = port
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address it listens on. Raises RuntimeError before it was started."""
        if self._server is None:
            raise RuntimeError("the simulator was not started")
        return self._server.url

    @property
    def tally(self) -> Tally:
        """The counts so far; after the end, the last ones."""
        return self.world.snapshot()

    def lines(self) -> list[str]:
        """Summarize the counts as lines of text."""
        return list(summary(self.tally))

    def start(self) -> None:
        """Start listening unless it already does. Raises OSError if the port is in use."""
        if self._server:
            return
        self._server = HttpServer(lambda request: answer(request, self.world), self._port, self.world.count_connection)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()
        self.world.close()
