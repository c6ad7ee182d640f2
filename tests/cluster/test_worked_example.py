"""The worked example of the page on several machines, typed as it stands but for ports, folders and what installs."""

import os
import re
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
from typing import Any

import pytest

from tests.cli.command import environment
from tests.docs.markdown import ROOT, Block, blocks
from tests.postgres import Postgres, free_port

SCALE = ROOT / "docs" / "how-to" / "scale.md"
HEADING = "## Try it on one machine"
NOT_TYPED = ("pip", "cd", "export")
"""The differences: packages are installed, and each command is given the folder and the environment."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the whole of 127.0.0.0/8 is this machine on Linux only"),
]


def example() -> list[Block]:
    """The blocks below the heading of the worked example."""
    lines = SCALE.read_text("utf-8").splitlines()
    start = lines.index(HEADING)
    end = next(number for number, line in enumerate(lines) if number > start and line.startswith("## "))
    return [block for block in blocks(SCALE) if start < block.number < end]


def typed_lines(block: Block) -> list[str]:
    """The lines that are typed, without their comments."""
    return [re.sub(r" {2,}#.*", "", line) for line in block.lines]


def exported() -> dict[str, str]:
    """The variables that the page exports."""
    lines = (line for block in example() if block.language == "bash" for line in typed_lines(block))
    return dict(word.split("=", 1) for line in lines if line.startswith("export ") for word in line.split()[1:])


@dataclass
class Laptop:
    """A machine on which the example is typed, with ports and folders of its own."""

    folder: Path
    home: Path
    ports: Mapping[str, str]
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """The variables that the page exports, and a home of its own."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**environment(None), **exported(), "HOME": str(self.home), "PATH": path, "COLUMNS": "200"}

    def adapted(self, text: str) -> str:
        """A line or a file of the page, with ports and folders of this machine."""
        for shown, own in self.ports.items():
            text = text.replace(shown, own)
        return text

    def typed(self, line: str) -> str:
        """The output of a command that ends with success."""
        done = subprocess.run(
            ["bash", "-c", self.adapted(line)],
            cwd=self.shop,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def started(self, line: str, *further: str) -> None:
        """Starts a command that stays."""
        words = [*self.adapted(line.removesuffix(" &")).split(), *further]
        options: dict[str, Any] = {"cwd": self.shop, "env": self.environ, "text": True, "start_new_session": True}
        with (self.home / f"log-{len(self.processes)}").open("w") as log:
            self.processes.append(subprocess.Popen(words, stdout=log, stderr=log, **options))

    @property
    def shop(self) -> Path:
        """The project, once there is one."""
        made = self.folder / "shop"
        return made if made.exists() else self.folder

    def write(self, block: Block) -> None:
        """Writes a file that the page shows."""
        (self.shop / block.title).write_text(self.adapted("\n".join(block.lines)) + "\n")

    def end(self) -> None:
        """Ends all that was started, with the processes that it started in turn."""
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def laptop(postgres_url: str) -> Iterator[Laptop]:
    # The paths of sockets have room for 107 characters: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="scale"))
    ports = {
        "postgresql://postgres@127.0.0.1:5432/postgres": postgres_url,
        "--port=6379": f"--port={(head := free_port())}",
        "127.0.0.2:6379": f"127.0.0.2:{head}",
        "8787": str(free_port()),
        "/var/tmp/connector": str(folder / "stage"),
    }
    (folder / "home").mkdir()
    made = Laptop(folder, folder / "home", ports)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until(is_so: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < limit, what
        time.sleep(0.5)


def _nodes(machine: Laptop, address: str) -> int:
    words = ["ray", "status", "--address", machine.adapted(address)]
    done = subprocess.run(words, env=machine.environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.partition("Pending:")[0].count("node_")


def typed(machine: Laptop, line: str) -> str:
    """The output of a line; a service stays when the line has ended."""
    if line.split(maxsplit=1)[0] in NOT_TYPED:
        return ""
    if line.endswith("&"):
        machine.started(line)
    elif line.startswith("ray start --head"):
        machine.started(line, "--include-dashboard=false", f"--temp-dir={machine.home / 'ray'}", "--block")
        _wait_until(lambda: _nodes(machine, "127.0.0.2:6379") == 1, line)
    elif line.startswith("ray start"):
        machine.started(line, "--block")
        _wait_until(lambda: _nodes(machine, "127.0.0.2:6379") == 2, line)
    elif line != "ray stop":
        # That would end the Ray processes of other tests too.
        return machine.typed(line)
    return ""


def test_the_example_runs_as_it_is_typed(postgres: Postgres) -> None:
    with laptop(postgres.new_database()) as machine:
        shown = {}
        for block in example():
            if block.title:
                machine.write(block)
            for line in typed_lines(block) if block.language == "bash" else ():
                shown[line] = typed(machine, line)
    assert "Engine laptop: reads the result in 8 splits" in shown["connector plan purchases"]
    assert "200,000 events" in shown["connector run purchases"]
    lines = shown["connector runs show latest"].splitlines()
    at = lines.index("nodes of the engine laptop")
    # Both nodes have the name of this machine.
    assert lines[at + 2].split()[:3] == [socket.gethostname(), "8", "1,000,000"]
    assert "were delivered by earlier runs" in shown["connector run purchases --engine none"]
