"""How long a command takes that has nearly nothing to do."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import purchases
from benchmarks.project import ORCHESTRATION, forget_runs, project_folder
from benchmarks.sink import running_sink

REPETITIONS = 5
FEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class StartUp:
    """Seconds from the start of the process to its end, medians."""

    help: float
    run: float


def measure_start_up(data: Path, say: Callable[[str], None]) -> StartUp:
    """`connector --help`, and `connector run` on ten rows, each in a process of its own."""
    with running_sink() as sink, project_folder(purchases(data, FEW_ROWS), sink.url) as directory:

        def run() -> None:
            forget_runs(directory)
            _command("run", ORCHESTRATION, "--project", str(directory), "--json")

        found = StartUp(_seconds(lambda: _command("--help")), _seconds(run))
    say(f"connector --help: {found.help:.2f} s; connector run on {FEW_ROWS} rows: {found.run:.2f} s")
    return found


def _seconds(work: Callable[[], None]) -> float:
    """The first time is not counted: it may still have to compile what Python keeps compiled."""
    found = []
    for _ in range(1 + REPETITIONS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found[1:])


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "connector", *arguments], check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many modules are loaded at the end of each."""

    help: int
    run: int


def count_imported(data: Path) -> Imported:
    """Of `connector --help`, and of `connector run` on ten rows."""
    with running_sink() as sink, project_folder(purchases(data, FEW_ROWS), sink.url) as directory:
        run = _imported("run", ORCHESTRATION, "--project", str(directory), "--json")
    return Imported(_imported("--help"), run)


_COUNTING = """
import atexit, sys
atexit.register(lambda: print(len(sys.modules), file=sys.stderr))
from connector.cli import main
main()
"""


def _imported(*arguments: str) -> int:
    command = [sys.executable, "-c", _COUNTING, *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    return int(told.splitlines()[-1])
