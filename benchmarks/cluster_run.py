"""One `connector run` of a project with an engine as a process of its own, and the moments between its phases."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.one_run import STAGED, STARTED, run_command
from benchmarks.process import peak_bytes
from benchmarks.seams import Function, wrap
from connector.core.memory import retain_freed_memory

SEAMS = {
    "began": STARTED,
    "connected": "connector.runs.cluster.ray_cluster:_start",
    "read": "connector.runs.cluster.reading:_read_open",
    "staged": STAGED,
}
"""The functions at whose end a phase ends."""


def command(directory: Path) -> dict[str, Any]:
    """Runs the orchestration of the project at `directory`, and gives what `_measure` does.

    Raises CalledProcessError if it fails.
    """
    words = [sys.executable, "-m", "benchmarks.cluster_run", str(directory)]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _measure(directory: Path) -> dict[str, Any]:
    # As the command line does, before anything is loaded that is to be watched.
    retain_freed_memory()
    moments: dict[str, tuple[float, float]] = {}
    for name, seam in SEAMS.items():
        wrap(seam, _noting(name, moments))
    record = run_command(directory)
    moments["ended"] = _now()
    return {
        "rows": record["rows"]["read"],
        "events": record["events"]["delivered"],
        "requests": record["requests"]["sent"],
        "peak_bytes": peak_bytes(),
        "moments": moments,
    }


def _noting(name: str, moments: dict[str, tuple[float, float]]) -> Callable[[Function], Function]:
    def around(function: Function) -> Function:
        @wraps(function)
        def noting(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            moments[name] = _now()
            return result

        return noting

    return around


def _now() -> tuple[float, float]:
    """The clock that all processes share, and the CPU seconds of this one."""
    return time.monotonic(), time.process_time()


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
