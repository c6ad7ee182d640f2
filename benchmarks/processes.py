"""CPU time and memory of processes that others start and end, read from /proc a few times a second."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg

_SECONDS = 0.2
"""Between two looks. What a process uses between the last one and its end is not seen."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it is now."""

    pid: int
    parent: int
    session: int
    cpu: float
    """CPU seconds so far."""
    ended_children_cpu: float
    """CPU seconds of its children that have ended."""

    @property
    def command(self) -> str:
        """Its command line, or the title that it gave itself."""
        return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")

    @property
    def peak_bytes(self) -> int:
        """The most memory that it had."""
        _, _, peak = Path(f"/proc/{self.pid}/status").read_text().partition("VmHWM:")
        return int(peak.split()[0]) * 1024 if peak else 0


@dataclass
class Watched:
    """What the processes of some sessions have used, by the role that their command line tells."""

    sessions: Collection[int]
    role: Callable[[str], str]
    cpu: dict[str, dict[int, float]] = field(default_factory=dict)
    """CPU seconds of each process of a role."""
    peaks: dict[str, dict[int, int]] = field(default_factory=dict)
    """The most memory of each process of a role."""
    moments: list[tuple[float, Mapping[str, float]]] = field(default_factory=list)
    """The CPU seconds of each role so far at each look, by `time.monotonic()`."""
    _roles: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        """Read all processes once."""
        now = time.monotonic()
        for process in _processes():
            if process.session in self.sessions:
                with suppress(OSError):
                    self._note(process)
        self.moments.append((now, {role: sum(found.values()) for role, found in self.cpu.items()}))

    def between(self, begin: float, end: float, role: str) -> float:
        """The CPU seconds of a role between two moments; between two looks by a straight line."""
        times = [moment for moment, _ in self.moments]
        return float(np.diff(np.interp([begin, end], times, [cpu.get(role, 0.0) for _, cpu in self.moments]))[0])

    def _note(self, process: Process) -> None:
        if not (command := process.command):
            # It has ended, and only its parent has not noticed.
            return
        role = self.role(command)
        before = self._roles.setdefault(process.pid, role)
        if before != role:
            # It was the copy of its parent that starts another program.
            self.cpu[before].pop(process.pid)
            self._roles[process.pid] = role
        self.cpu.setdefault(role, {})[process.pid] = process.cpu
        self.peaks.setdefault(role, {})[process.pid] = process.peak_bytes


@contextmanager
def watching(sessions: Collection[int], role: Callable[[str], str]) -> Iterator[Watched]:
    """Looks until the block ends, and once more then."""
    watched, ended = Watched(sessions, role), threading.Event()

    def look() -> None:
        while not ended.wait(_SECONDS):
            watched.look()

    watched.look()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join()
        watched.look()


def postmaster(url: str) -> int:
    """The process of a PostgreSQL server on this machine whose children are all others of it."""
    with psycopg.connect(url) as connection:
        (backend,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        return _process(backend).parent


def cpu_of_family(parent: int) -> float:
    """The CPU seconds of a process and of its children, those that have ended included."""
    family = [process for process in _processes() if parent in (process.pid, process.parent)]
    return sum(process.cpu + (process.pid == parent) * process.ended_children_cpu for process in family)


def _processes() -> Iterator[Process]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                yield _process(int(path.name))


def _process(pid: int) -> Process:
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(value) / _TICKS for value in values[11:15])
    return Process(pid, int(values[1]), int(values[3]), user + system, ended_user + ended_system)
