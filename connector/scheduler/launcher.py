"""Start the runs that somebody asked for, each as a process of its own that outlives this one."""

import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.core.disk import make_private_file, make_private_folder
from connector.core.redaction import redact
from connector.ledger.launches import Launch, LaunchState, NewLaunch
from connector.ledger.ledger import Ledger
from connector.ledger.locks import process_exists

MOST_PROCESSES = 4
PATIENCE = timedelta(seconds=60)
"""A launch that has no process for so long does not start any more."""
NOT_STARTED = "It did not start within 60 s, because nothing on {host} starts what is asked for."
DIED = "Its process ended before it could start a run."

_FLAGS = ("full", "resend_unknown", "allow_empty", "fresh")
_VALUES = ("limit", "test_event_code", "engine", "plan", "reason")
_FOLDER = "launches"
_CHILDREN: set["subprocess.Popen[bytes]"] = set()
"""The processes that were started and have not ended, which outlive their launcher."""


class Launcher:
    """Starts launches whose `host` is this machine, as `socket.gethostname` names it.

    At most four are in progress at a time. Safe to call from several threads. A launch that waits for another launcher
    of this machine is left to it until it has waited for too long.
    """

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        self._directory, self._ledger = directory, ledger
        self._folder = directory / ".connector" / _FOLDER
        self._host = socket.gethostname()
        self._lock = threading.Lock()
        self._queue: set[str] = set()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def request(self, new: NewLaunch) -> str:
        """Ask for a run, start it if fewer than four are in progress, and return the id of the launch."""
        launch_id = self._ledger.launches.add(new)
        with self._lock:
            self._queue.add(launch_id)
        self.tick()
        return launch_id

    def tick(self) -> None:
        """Record which processes have ended, and start those that wait. To be called every second or so."""
        with self._lock:
            launches = self._ledger.launches.open_on(self._host)
            self._forget_ended({launch.id for launch in launches})
            in_progress = sum(self._is_in_progress(launch) for launch in launches)
            for launch in launches:
                if launch.state is not LaunchState.WAITING:
                    continue
                if launch.id not in self._queue and _is_old(launch):
                    self._end(launch, NOT_STARTED.format(host=self._host))
                elif in_progress < MOST_PROCESSES and (launch.id in self._queue or not self._queue):
                    in_progress += self._start(launch)

    def _is_in_progress(self, launch: Launch) -> bool:
        """Return whether a launch has a living process; record its end if it had one."""
        if launch.state is LaunchState.WAITING:
            return False
        if (process := self._processes.get(launch.id)) is not None:
            is_alive = process.poll() is None
        else:
            is_alive = process_exists(launch.process) if launch.process else not _is_old(launch)
        if not is_alive:
            self._end(launch, None if launch.run_id else self._last_line(launch) or DIED)
        return is_alive

    def _forget_ended(self, open_ids: set[str]) -> None:
        """Delete the output of processes that have ended and whose launches have, also of an earlier launcher's."""
        ended = {launch_id for launch_id, process in self._processes.items() if process.poll() is not None}
        for launch_id in ended - open_ids:
            del self._processes[launch_id]
        _CHILDREN.difference_update([process for process in _CHILDREN if process.poll() is not None])
        for file in self._folder.glob("*.*"):
            if file.stem not in open_ids and file.stem not in self._processes:
                file.unlink(missing_ok=True)

    def _start(self, launch: Launch) -> bool:
        if not self._ledger.launches.claim(launch.id):
            self._queue.discard(launch.id)
            return False
        make_private_folder(self._folder)
        out, err = self._files(launch)
        for file in (out, err):
            make_private_file(file)
        try:
            with out.open("wb") as stdout, err.open("wb") as stderr:
                # A session of its own: neither Ctrl-C in the terminal nor the end of this process reaches it.
                process = subprocess.Popen(  # noqa: S603 - our own command
                    launch_command(self._directory, launch),
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
        except OSError as error:
            self._end(launch, f"Its process could not be started: {error.strerror or error}.")
            return False
        _CHILDREN.add(process)
        self._processes[launch.id] = process
        self._queue.discard(launch.id)
        return True

    def _end(self, launch: Launch, error: str | None) -> None:
        self._ledger.launches.end(launch.id, error)
        self._queue.discard(launch.id)

    def _last_line(self, launch: Launch) -> str | None:
        """Return the last line that a process printed to stderr, which is the sentence of its error."""
        with suppress(OSError):
            lines = self._files(launch)[1].read_text("utf-8", errors="replace").strip().splitlines()
            return redact(lines[-1].removeprefix("Error: ")) if lines else None
        return None

    def _files(self, launch: Launch) -> tuple[Path, Path]:
        return self._folder / f"{launch.id}.out", self._folder / f"{launch.id}.err"


def launch_command(directory: Path, launch: Launch) -> list[str]:
    """Return the command that executes a launch with this installation. It holds no secret."""
    asked = launch.request
    # With -P a file in the current folder is never taken for a module.
    python = [sys.executable, "-P", "-m", "connector"]
    subject = asked.orchestration if asked.command == "run" else str(asked.options["run_id"])
    target = ["--target", asked.target] if asked.command == "run" else []
    options = [*target, *_options(asked.options), "--launch", launch.id, "--project", str(directory), "--json"]
    return [*python, asked.command, *options, "--", subject]


def _options(options: Mapping[str, Any]) -> list[str]:
    flags = [f"--{name.replace('_', '-')}" for name in _FLAGS if options.get(name)]
    values = [f"--{name.replace('_', '-')}={options[name]}" for name in _VALUES if options.get(name) is not None]
    return [*flags, *values]


def _is_old(launch: Launch) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(launch.at) > PATIENCE
