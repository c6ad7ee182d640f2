"""A run as a process of its own: nothing that befalls it befalls another, and its locks are its own."""

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

from connector.redaction import redact

Record = Mapping[str, Any]
"""What `connector run --json` prints."""

_LONGEST_OUTPUT = 1_000_000
_MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: the run's record as it printed it (None: there was no run), what was wrong, and what it
    said besides.
    """

    code: int
    record: Record | None
    error: str | None
    notes: Sequence[str] = ()

    @property
    def was_killed(self) -> bool:
        """Whether it ended before it could say what became of the run."""
        return self.record is None and self.code < 0


class Child:
    """`connector run NAME --json`, under way since it was made."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self._out, self._err = TemporaryFile(), TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        # In a session of its own, a Ctrl-C in the terminal is not for it: it is asked to stop, once.
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
        """The number that the system gave it."""
        return self._process.pid

    def end(self) -> End | None:
        """How it ended; None while it goes on."""
        code = self._process.poll()
        if code is None:
            return None
        with self._out as out, self._err as err:
            printed, said = _json(_read(out)), _read(err).decode(errors="replace").strip().splitlines()
        record = printed if printed and "run_id" in printed else None
        error = printed.get("error") if printed else (said[-1] if said and code else None)
        notes = tuple(line for line in said if line != error)[:_MOST_NOTES]
        if printed is None:
            # What came of a process that could not even say how it ended may quote anything.
            return End(code, None, redact(str(error)) if error else None)
        return End(code, record, error, notes if record else ())

    def interrupt(self) -> None:
        """Asks it to stop once the requests in flight are answered."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it now; its run can be resumed."""
        self._process.kill()
        self._process.wait()

    def let_go(self) -> None:
        """Ends it now, without asking what it printed."""
        self.kill()
        self._out.close()
        self._err.close()


def run_command(directory: Path, name: str, target: str) -> list[str]:
    """What is typed to run an orchestration, by this very installation."""
    # With -P a file in the current folder is never taken for a module.
    python = [sys.executable, "-P", "-m", "connector"]
    return [*python, "run", name, "--target", target, "--project", str(directory), "--json"]


def run_environment(further: Mapping[str, str]) -> dict[str, str]:
    """What a run has in its environment: what this process has, and more."""
    return {**os.environ, **further}


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_LONGEST_OUTPUT)


def _json(printed: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(printed)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
