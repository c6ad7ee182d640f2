"""Stand-ins for warehouses of the cloud as tests use them: servers of this machine that speak their protocols."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class StandIn:
    """A running stand-in, by the names of its ports."""

    ports: dict[str, int]

    def set(self, **settings: Any) -> None:
        """Lets something go wrong from here on, and forgets what was asked."""
        self._call("/control", settings)

    def log(self, kind: str) -> list[Any]:
        """What was asked of the server since `set`."""
        return [entry[kind] for entry in self._call("/log") if kind in entry]

    def sql(self, sql: str) -> list[list[Any]]:
        """The rows of a statement of DuckDB's, on the tables that the server has."""
        rows: list[list[Any]] = self._call("/sql", {"sql": sql})
        return rows

    def is_busy(self, part: str) -> bool:
        """Whether a query runs that has this text."""
        return any(part in one for one in self._call("/open"))

    def is_idle(self) -> bool:
        """Whether no query runs and nobody reads a result, at the latest in some seconds."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if not self._call("/open"):
                return True
            time.sleep(0.02)
        return False

    def _call(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}{path}", data, timeout=20) as answer:
            return json.loads(answer.read())


@contextmanager
def stand_in(module: str) -> Iterator[StandIn]:
    """A server on free ports of this machine, gone with its data afterwards. It prints its ports when it is there."""
    command = [sys.executable, "-m", module]
    environment = {**os.environ, "TZ": "UTC"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield StandIn(json.loads(process.stdout.readline()))
        finally:
            process.terminate()
