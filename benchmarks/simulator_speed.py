"""How many events a second the simulator takes on one core.

The bodies are those that the product makes of the bench rows, each sent once by a client that does nothing but
write them to sockets.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import transform_alone
from benchmarks.project import project_folder
from benchmarks.sink_speed import CONNECTIONS, post
from benchmarks.timing import median, timed

MOST_BODIES = 400
"""As many as the simulator needs to put what it knows away, which costs it time."""
UNREACHED = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class SimulatorResult:
    """What the simulator took, and in how many seconds (the median); it was held to one core."""

    events: int
    seconds: float

    @property
    def events_per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def measure_simulator(file: Path, repetitions: int, say: Callable[[str], None]) -> SimulatorResult:
    """Sends the first bodies to a new simulator each time, so that no event is known to it."""
    requests = [_request(body) for body in bodies(file)]
    timings = []
    for _ in range(repetitions):
        with simulating() as port:
            timings.append(timed(lambda: _send(port, requests))[0])
        say(f"simulator: {timings[-1].seconds:.2f} s for {len(requests)} requests")
    return SimulatorResult(sum(request.count(b'{"event":') for request in requests), median(timings).seconds)


def bodies(file: Path) -> Iterator[bytes]:
    """The first request bodies that the product makes of the bench rows."""
    with project_folder(file, UNREACHED) as directory:
        table = transform_alone.arrow_table(file)
        compiled = transform_alone.compiled_for(directory, table.schema)
    return islice(transform_alone.bodies(table, compiled, 2), MOST_BODIES)


@contextmanager
def simulating() -> Iterator[int]:
    """`connector simulate` on one core, where the system can hold it there; gives its port."""
    command = [sys.executable, "-m", "connector", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if hasattr(os, "sched_setaffinity"):
                _hold(process.pid)
            yield urlsplit(line.strip()).port or 0
        finally:
            process.terminate()


def _hold(process: int) -> None:
    """All threads of a process to the first core that this one may use; new ones inherit it."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {min(os.sched_getaffinity(0))})


def _request(body: bytes) -> bytes:
    head = b"POST /open_api/v1.3/event/track/ HTTP/1.1\r\nAccess-Token: t\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _send(port: int, requests: list[bytes]) -> None:
    """Raises ValueError where a request is not taken."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        parts = [threads.submit(post, port, requests[start::CONNECTIONS]) for start in range(CONNECTIONS)]
        refused = [answer for part in parts for answer in part.result() if b'"code": 0' not in answer]
    if refused:
        raise ValueError(f"the simulator refused {len(refused)} requests: {refused[0]!r}")
