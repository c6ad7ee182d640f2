"""A Ray cluster of several nodes on this machine, as `ray start` makes it on machines of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.command import environment
from tests.postgres import free_port

_RAY = str(Path(sys.executable).with_name("ray"))
_SETPRIV = shutil.which("setpriv")
_ENDED_WITH_US = [_SETPRIV, "--pdeathsig", "TERM"] if _SETPRIV else []
"""Begins a command that ends when this process is killed."""
_OBJECT_STORE = 100 << 20
"""Bytes of memory of each node for what tasks return: next to nothing."""
_PATIENCE = 120
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""The environment of nodes that ask for no token, which they wait for when they start."""


@dataclass
class Node:
    """A node, and all processes on it: one session."""

    process: "subprocess.Popen[bytes]"
    log: Path
    """The output of `ray start`."""

    def wait(self) -> None:
        """Wait until it has joined the cluster."""
        _wait_until(lambda: b"Ray runtime started" in self.log.read_bytes(), self)

    def pids(self, name: str) -> list[int]:
        """Return the processes of this node whose command line holds a text, such as `raylet/raylet` or `ray::`."""
        return [pid for pid in _pids() if name in _command(pid) and _session(pid) == self.process.pid]

    def kill(self) -> None:
        """End all processes of this node at once, as a machine ends that loses its power."""
        # Each worker has a process group of its own, and a raylet may just start another one.
        while pids := [pid for pid in _pids() if _session(pid) == self.process.pid and not _is_dead(pid)]:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.process.wait(_PATIENCE)


@dataclass
class Nodes:
    """A running cluster."""

    folder: Path
    """The folder of Ray's own files."""
    port: int
    environ: Mapping[str, str]
    """The differences in the environment of its processes."""
    running: list[Node] = field(default_factory=list)
    """The head, and the other nodes."""

    @property
    def address(self) -> str:
        """The address of the head, as an engine names it."""
        return f"127.0.0.1:{self.port}"

    def add(self, *options: str) -> Node:
        """Start another node of one core, and wait until it has joined."""
        node = self._begin(*options)
        node.wait()
        return node

    def start(self, count: int) -> None:
        """Start the head, and the other nodes as soon as they find it."""
        self._begin()
        _wait_until(lambda: _answers(self.port), self.running[0])
        for _ in range(count - 1):
            self._begin()
        for node in self.running:
            node.wait()

    def _begin(self, *options: str) -> Node:
        place = ("--address", self.address) if self.running else ("--head", "--port", str(self.port), *self._folder)
        log = self.folder / f"node-{len(self.running)}.log"
        with log.open("wb") as output:
            node = Node(self._started(*place, *options, output=output.fileno()), log)
        self.running.append(node)
        return node

    @property
    def _folder(self) -> tuple[str, ...]:
        return ("--temp-dir", str(self.folder / "ray"), "--include-dashboard", "false")

    def _started(self, *options: str, output: int) -> "subprocess.Popen[bytes]":
        fixed = ("--node-ip-address", "127.0.0.1", "--num-cpus", "1", "--object-store-memory", str(_OBJECT_STORE))
        return subprocess.Popen(
            # The end of a process that blocks ends all processes of its node, by its process group.
            [*_ENDED_WITH_US, _RAY, "start", "--block", "--disable-usage-stats", *fixed, *options],
            env={**environment(None), **_ON_LOOPBACK, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def end(self) -> None:
        """End all nodes."""
        for node in reversed(self.running):
            node.kill()


_ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
"""Lets `ray start` make several nodes with the address of the loopback."""


@contextmanager
def nodes(environ: Mapping[str, str] = QUIET, *, count: int = 2) -> Iterator[Nodes]:
    """Start a cluster of nodes of one core each; nothing of it is left afterwards."""
    # The path of a socket has room for 107 characters: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    cluster = Nodes(folder, free_port(), environ)
    try:
        cluster.start(count)
        yield cluster
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until(is_so: Callable[[], bool], node: Node) -> None:
    until = time.monotonic() + _PATIENCE
    while not is_so():
        assert node.process.poll() is None, node.log.read_text()
        assert time.monotonic() < until, node.log.read_text()
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0


def _is_dead(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
