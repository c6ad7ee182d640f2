"""The local TikTok, in this process or in one of its own."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from types import TracebackType
from typing import IO, Protocol, Self

from connector.simulator.events import EVENT_TRACK, track
from connector.simulator.listener import Server
from connector.simulator.messages import NOT_FOUND, Request, Response
from connector.simulator.summary import summary
from connector.simulator.tally import State, Tally

TALLY = "/simulator/tally"
"""Not TikTok's: the counts as JSON."""


class Running(Protocol):
    """A simulator that listens somewhere."""

    url: str

    def tally(self) -> Tally:
        """The counts so far."""

    def stop(self) -> None:
        """Stop listening."""


class Simulator:
    """A context manager around a local TikTok; `url` is its `api_url`.

    With `process` it runs in a process of its own, so that its work does not share the sender's
    interpreter lock. `port` 0 takes a free one. `clock` gives Unix seconds and works in this process only.
    """

    def __init__(self, *, process: bool = False, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._start: Callable[[], Running] = lambda: Child(port) if process else Local(port, clock)
        self._running: Running | None = None
        self._last: Tally | None = None

    @property
    def url(self) -> str:
        """Where it listens. Raises RuntimeError before it was started."""
        return self._started().url

    @property
    def tally(self) -> Tally:
        """The counts so far; after the end, the last ones."""
        return self._last or self._started().tally()

    def lines(self) -> list[str]:
        """What a person is told about the counts."""
        return list(summary(self.tally))

    def _started(self) -> Running:
        if self._running is None:
            raise RuntimeError("the simulator was not started")
        return self._running

    def __enter__(self) -> Self:
        self._running, self._last = self._start(), None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._started()
        try:
            self._last = running.tally()
        finally:
            running.stop()


class Local:
    """Threads of this process."""

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._state = State(clock)
        self._server = Server(self.answer, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()
        self.url = self._server.url

    def answer(self, request: Request) -> Response:
        """Route one request, as TikTok's gateway does: path and method or nothing."""
        if (request.method, request.path) == ("GET", TALLY):
            tally = self.tally()
            counts = {field.name: getattr(tally, field.name) for field in fields(tally)}
            return Response(200, json.dumps(counts).encode())
        post = (request.method, request.path) == ("POST", EVENT_TRACK)
        response = track(request, self._state) if post else NOT_FOUND
        self._state.count_answer(response.status if response.code is None else response.code)
        return response

    def tally(self) -> Tally:
        """The counts so far."""
        tally = self._state.snapshot()
        tally.connections = self._server.connections
        return tally

    def stop(self) -> None:
        """Stop listening and end every connection."""
        self._server.stop()
        self._thread.join()


class Child:
    """A process of its own, which ends when this one does. Ctrl-C in a terminal does not reach it."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "connector.simulator.process", str(port)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.url = _opened(self._process.stdout).readline().strip()
        if not self.url:
            self.stop()
            raise RuntimeError(f"the simulator could not listen on port {port}")

    def tally(self) -> Tally:
        """The counts so far, asked for over HTTP."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", TALLY)
            counts = json.load(connection.getresponse())
        finally:
            connection.close()
        counts["events"] = {source: Counter(names) for source, names in counts["events"].items()}
        counts["refusals"], counts["violations"] = Counter(counts["refusals"]), Counter(counts["violations"])
        return Tally(**counts)

    def stop(self) -> None:
        """Let the process end; it does when its input is closed."""
        _opened(self._process.stdin).close()
        self._process.wait(timeout=30)
        _opened(self._process.stdout).close()


def _opened(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the simulator's process has no pipe")
    return stream
