"""One process beside the workers of a Ray cluster on the same cores: whole runs, with the same ledger on PostgreSQL."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import cluster_run
from benchmarks.data import purchases, shuffled
from benchmarks.processes import Watched, cpu_of_family, postmaster, watching
from benchmarks.project import project_folder
from benchmarks.sink import running_sink
from benchmarks.timing import Timing
from tests.cluster.nodes import QUIET, Nodes, nodes
from tests.postgres import Postgres, postgres

Say = Callable[[str], None]
WORKER, DAEMON = "worker", "daemon"
SORTED, ANY_ORDER = "sorted", "in any order"
_MADE = {SORTED: purchases, ANY_ORDER: shuffled}
WORKERS = (1, 2, 4)
PAIRED = 2
"""Workers that are compared with one process in turns, each on a node of one core."""
PAIRS = 3
Size = tuple[str, int]
"""The order of the rows, and their number."""
FEW: Size = (SORTED, 100)
"""So few rows that what they take is what every run takes."""
_ENVIRONMENT = {**QUIET, "RAY_worker_niceness": "0"}
"""Ray lowers the priority of its workers, which matters as soon as anything else runs on the machine."""
_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
_SETTLED = 3.0
"""Seconds after which a server and Ray have written down what ended."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a run: on the clock, and CPU seconds of the command's process and of the workers."""

    seconds: float
    driver: float
    workers: float


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """A run of the command in one process (`workers` is 0) or on a cluster, the start of Python included."""

    workers: int
    shape: str
    rows: int
    events: int
    requests: int
    seconds: float
    driver_cpu: float
    worker_cpu: float
    daemon_cpu: float
    postgres_cpu: float
    transactions: int
    driver_bytes: int
    worker_bytes: int
    """The most memory of any worker."""
    phases: Mapping[str, Phase]
    """By name: `start` (Python, and the run in the ledger), `connect`, `read`, `deduplicate` and `send`."""
    load: float
    """The load average of the machine before the run: what other programs ask of its cores."""

    @property
    def cpu(self) -> float:
        """CPU seconds of the command and of the workers."""
        return self.driver_cpu + self.worker_cpu


@dataclass(frozen=True, slots=True)
class Pairs:
    """Runs of one process and of workers in turns, of the same rows."""

    one: Sequence[ClusterRun]
    many: Sequence[ClusterRun]

    @property
    def middle(self) -> tuple[ClusterRun, ClusterRun]:
        """The run in the middle by the clock of each."""
        one, many = (sorted(runs, key=lambda run: run.seconds)[len(runs) // 2] for runs in (self.one, self.many))
        return one, many

    @property
    def wall_ratio(self) -> float:
        """How many times as long the workers take: the median of the pairs."""
        return median(many.seconds / one.seconds for one, many in zip(self.one, self.many, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """How many times the CPU seconds the command and its workers take: the median of the pairs."""
        return median(many.cpu / one.cpu for one, many in zip(self.one, self.many, strict=True))


@dataclass(frozen=True, slots=True)
class Start:
    """What a cluster costs before any run: until its nodes have joined, and the memory of its processes then."""

    nodes: int
    workers: int
    timing: Timing
    peak_bytes: int


WorkersResult = tuple[Start, list[ClusterRun]]


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """Runs of each number of workers and each size, and what the cluster itself costs."""

    pairs: Sequence[Pairs]
    """Of two workers, each of one core, by size and shape."""
    others: Sequence[ClusterRun]
    """Single runs of other numbers of workers."""
    starts: Sequence[Start]
    few: Pairs
    """Of so few rows that what they take is what every run takes."""


def measure_cluster(data: Path, sizes: Sequence[Size], say: Say, *, pairs: int = PAIRS) -> ClusterResult:
    """Runs of one process, without a cluster on the machine, and of two workers in turns; then of other numbers."""
    machine = Machine(data, say)
    found = [measure_pair(machine, sizes) for _ in range(pairs)]
    return together(found, [measure_workers(machine, workers, sizes) for workers in WORKERS if workers != PAIRED])


def measure_pair(machine: "Machine", sizes: Sequence[Size]) -> tuple[list[ClusterRun], WorkersResult]:
    """One run of few rows and of each size in one process, and on a cluster that starts then."""
    one = [machine.run(*size) for size in (FEW, *sizes)]
    return one, measure_workers(machine, PAIRED, sizes)


def measure_workers(machine: "Machine", workers: int, sizes: Sequence[Size]) -> WorkersResult:
    """The start of a cluster, and one run of few rows and of each size on it."""
    with machine.cluster(workers) as start:
        return start, [machine.run(*size) for size in (FEW, *sizes)]


def together(pairs: Sequence[tuple[list[ClusterRun], WorkersResult]], others: Sequence[WorkersResult]) -> ClusterResult:
    """All measurements as one result."""
    one, many = _turned([one for one, _ in pairs]), _turned([runs for _, (_, runs) in pairs])
    few, *by_size = [Pairs(*runs) for runs in zip(one, many, strict=True)]
    starts = [start for start, _ in [*(workers for _, workers in pairs), *others]]
    return ClusterResult(by_size, [run for _, runs in others for run in runs[1:]], starts, few)


def _turned(found: Sequence[Sequence[ClusterRun]]) -> list[list[ClusterRun]]:
    return [list(of_size) for of_size in zip(*found, strict=True)]


@dataclass
class Machine:
    """This machine, and the cluster that runs on it now, if there is one."""

    data: Path
    say: Say
    workers: int = 0
    nodes: Nodes | None = None

    @contextmanager
    def cluster(self, workers: int) -> Iterator[Start]:
        """Starts a cluster: one or two nodes of one core, or for more workers a second one with more."""
        before = time.monotonic()
        with nodes(_ENVIRONMENT, count=workers if workers <= PAIRED else 1) as running:
            if workers > PAIRED:
                running.add("--num-cpus", str(workers - 1))
            self.nodes, self.workers, seconds = running, workers, time.monotonic() - before
            watched = Watched(self._sessions, _role)
            watched.look()
            cpu, peak = (sum(sum(found.values()) for found in kind.values()) for kind in (watched.cpu, watched.peaks))
            self.say(f"{workers} workers: the cluster started in {seconds:.1f} s")
            try:
                yield Start(len(running.running), workers, Timing(seconds, cpu), int(peak))
            finally:
                self.nodes, self.workers = None, 0

    @property
    def _sessions(self) -> list[int]:
        return [node.process.pid for node in self.nodes.running] if self.nodes else []

    def run(self, shape: str, rows: int) -> ClusterRun:
        """One run with a ledger that is empty."""
        address = self.nodes.address if self.nodes else None
        with (
            postgres(durable=True) as server,
            running_sink() as sink,
            project_folder(_MADE[shape](self.data, rows), sink.url, ledger=server.url, cluster=address) as directory,
        ):
            found = self._watched(server, directory, shape)
        self.say(
            f"{self.workers or 'no'} workers, {rows:,} rows {shape}: {found.seconds:.1f} s, CPU {found.driver_cpu:.1f} "
            f"+ {found.worker_cpu:.1f} s, PostgreSQL {found.postgres_cpu:.1f} s, {found.worker_bytes / 1e6:,.0f} MB"
        )
        return found

    def _watched(self, server: Postgres, directory: Path, shape: str) -> ClusterRun:
        first, (load, _, _) = postmaster(server.url), os.getloadavg()
        used, transactions = cpu_of_family(first), _transactions(server)
        with watching(self._sessions, _role) as watched:
            began = time.monotonic()
            told = cluster_run.command(directory)
            seconds = time.monotonic() - began
            time.sleep(_SETTLED)
        moments = {"started": (began, 0.0), **told["moments"]}
        ended, driver = moments["ended"]
        return ClusterRun(
            workers=self.workers,
            shape=shape,
            rows=told["rows"],
            events=told["events"],
            requests=told["requests"],
            seconds=seconds,
            driver_cpu=driver,
            worker_cpu=watched.between(began, ended + _SETTLED, WORKER),
            daemon_cpu=watched.between(began, began + seconds, DAEMON),
            postgres_cpu=cpu_of_family(first) - used,
            transactions=_transactions(server) - transactions,
            driver_bytes=told["peak_bytes"],
            worker_bytes=max(watched.peaks.get(WORKER, {0: 0}).values()),
            phases=dict(_phases(moments, watched)),
            load=load,
        )


def _phases(moments: Mapping[str, tuple[float, float]], watched: Watched) -> Iterator[tuple[str, Phase]]:
    names = [name for name in _PHASES if name in moments]
    for before, name in pairwise(["started", *names]):
        (begin, cpu), (end, cpu_then) = moments[before], moments[name]
        yield _PHASES[name], Phase(end - begin, cpu_then - cpu, watched.between(begin, end, WORKER))


_PHASES = {"began": "start", "connected": "connect", "read": "read", "staged": "deduplicate", "ended": "send"}
"""The phase that ends with each moment; one process stages while it reads."""


def _transactions(server: Postgres) -> int:
    with psycopg.connect(server.url) as connection:
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        (count,) = connection.execute(query).fetchone() or (0,)
        return int(count)


def _role(command: str) -> str:
    if "raylet/raylet" in command:
        # Its command line holds that of the workers which it starts.
        return DAEMON
    is_worker = command.startswith("ray::") and not command.startswith(_AGENTS)
    return WORKER if is_worker or "default_worker.py" in command else DAEMON
