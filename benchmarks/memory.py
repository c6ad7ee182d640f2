"""The peak memory of `connector run`, in a process of its own.

The run is started by a small process: a process begins with the peak of the one that started it.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.project import ORCHESTRATION


@dataclass(frozen=True, slots=True)
class Peak:
    """One run: its rows, its seconds, the CPU seconds and the greatest resident memory of its process."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def peak_memory(directory: Path) -> Peak:
    """Runs the orchestration of the project at `directory`. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "benchmarks.memory", str(directory)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Peak(**json.loads(told))


def _measure(directory: str) -> dict[str, float]:
    command = [sys.executable, "-m", "connector", "run", ORCHESTRATION, "--project", directory, "--json"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "connector run")
    return {
        "rows": json.loads(told)["rows"]["read"],
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
