"""A run as a process of its own, isolated from the failures and locks of others."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from connector.core.redaction import redact

Record = Mapping[str, Any]
"""What `connector run --json` prints."""

_MAX_OUTPUT_BYTES = 1_000_000
_MAX_NOTES = 20


@dataclass(frozen=True, slots=True)
class RunExit:
    """How a process ended."""

    code: int
    record: Record | None
    """The run's record as it was printed; None if there was no run."""
    error: str | None
    notes: Sequence[str] = ()
    """What else it printed."""

    @property
    def was_killed(self) -> bool:
        """Whether it ended before it could print the run's record."""
        return self.record is None and self.code < 0

    @property
    def reason(self) -> str:
        """Why nothing is known of its run."""
        if self.was_killed:
            return f"The run was ended by signal {-self.code}; it continues from its stage."
        return self.error or f"The run could not start (exit code {self.code})."


class RunProcess:
    """A process of `connector run NAME --json`, started on creation."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self._out, self._err = TemporaryFile(), TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        # A session of its own keeps it from a Ctrl-C in the terminal: it is asked to stop, once.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )

    @property
    def process_id(self) -> int:
        """The process id."""
        return self._process.pid

    def poll(self) -> RunExit | None:
        """Return how it ended; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        with self._out as out, self._err as err:
            output, lines = _parse_json(_read(out)), _read(err).decode(errors="replace").strip().splitlines()
        record = output if output and "run_id" in output else None
        error = output.get("error") if output else (lines[-1] if lines and code else None)
        notes = tuple(line for line in lines if line != error)[:_MAX_NOTES]
        if output is None:
            # The output of a process that could not print its result may quote anything.
            return RunExit(code, None, redact(str(error)) if error else None)
        return RunExit(code, record, error, notes if record else ())

    def interrupt(self) -> None:
        """Ask it to stop once the requests in flight are answered."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill it; its run can be resumed."""
        self._process.kill()
        self._process.wait()

    def discard(self) -> None:
        """Kill it and ignore its output."""
        self.kill()
        self._out.close()
        self._err.close()


def run_command(directory: Path, name: str, target: str) -> list[str]:
    """Return the command that runs an orchestration with this installation."""
    # With -P a file in the current folder is never taken for a module.
    python = [sys.executable, "-P", "-m", "connector"]
    return [*python, "run", name, "--target", target, "--project", str(directory), "--json"]


def run_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with additions."""
    return {**os.environ, **additions}


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_MAX_OUTPUT_BYTES)


def _parse_json(printed: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(printed)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
