"""One `connector run` as a process of its own: what it takes, when its stage is complete, where its time goes."""

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.process import peak_bytes
from benchmarks.profile import MAIN, Account, account_of_the_product
from benchmarks.project import ORCHESTRATION, stage_bytes
from benchmarks.seams import Around, Function, wrap
from benchmarks.timing import Timing
from connector.core.memory import retain_freed_memory

STARTED, STAGED = "connector.cli.progress:QuietObserver.started", "connector.cli.progress:QuietObserver.staged"
FIRST_ROWS = "connector.sources.duckdb:DuckDBResult.batches"


@dataclass(frozen=True, slots=True)
class OneRun:
    """A run, in seconds on the clock and of the processor.

    `process` is all of it, the start of Python included; `stage` is from its beginning to the complete stage, `send`
    from there to its end. `disk_bytes` is what stage and ledger take when the stage is complete. `first_rows_at` is
    when the source gave its first rows, on the clock that all processes share. `parts` are CPU seconds between
    beginning and end, where a profile was asked for.
    """

    rows: int
    events: int
    requests: int
    process: Timing
    stage: Timing
    send: Timing
    peak_bytes: int
    disk_bytes: int
    first_rows_at: float | None
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> Timing:
        """From the run's beginning to its end: without the start of Python."""
        return Timing(self.stage.seconds + self.send.seconds, self.stage.cpu + self.send.cpu)


def one_run(directory: Path, *, profile: bool = False) -> OneRun:
    """Runs the orchestration of the project at `directory`. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "benchmarks.one_run", str(directory), *(["--profile"] if profile else [])]
    started = time.perf_counter()
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    process = Timing(time.perf_counter() - started, told.pop("cpu"))
    stage, send = (Timing(*told.pop(name)) for name in ("stage", "send"))
    return OneRun(process=process, stage=stage, send=send, **told)


@dataclass
class _Moments:
    """When a run began, when the source gave its first rows, and when the stage was complete."""

    directory: Path
    account: Account | None
    began: Timing | None = None
    staged: Timing | None = None
    disk_bytes: int = 0
    first_rows_at: float | None = None

    def watch(self) -> None:
        wrap(STARTED, _followed_by(self._note_began))
        wrap(STAGED, _followed_by(self._note_staged))
        wrap(FIRST_ROWS, self._noting_first)

    def _note_began(self) -> None:
        self.began = _now()
        if self.account:
            self.account.begin()

    def _note_staged(self) -> None:
        self.staged = _now()
        self.disk_bytes = stage_bytes(self.directory)

    def _noting_first(self, function: Function) -> Function:
        @wraps(function)
        def noting(*arguments: Any, **named: Any) -> Iterator[Any]:
            with contextlib.closing(function(*arguments, **named)) as batches:
                for batch in batches:
                    self.first_rows_at = self.first_rows_at or time.monotonic()
                    yield batch

        return noting


def _followed_by(note: Function) -> Around:
    def around(function: Function) -> Function:
        @wraps(function)
        def noting(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            note()
            return result

        return noting

    return around


def _now() -> Timing:
    return Timing(time.perf_counter(), time.process_time())


def _measure(directory: Path, *, profile: bool) -> dict[str, Any]:
    # As the command line does, before anything is loaded that is to be watched.
    retain_freed_memory()
    account = account_of_the_product() if profile else Account()
    moments = _Moments(directory, account if profile else None)
    moments.watch()
    with account.part(MAIN):
        record = run_command(directory)
    ended = _now()
    began, staged = moments.began or ended, moments.staged or ended
    return {
        "rows": record["rows"]["read"],
        "events": record["events"]["delivered"],
        "requests": record["requests"]["sent"],
        "cpu": ended.cpu,
        "stage": [staged.seconds - began.seconds, staged.cpu - began.cpu],
        "send": [ended.seconds - staged.seconds, ended.cpu - staged.cpu],
        "peak_bytes": peak_bytes(),
        "disk_bytes": moments.disk_bytes,
        "first_rows_at": moments.first_rows_at,
        "parts": account.parts(ended.cpu - began.cpu) if profile else {},
    }


def run_command(directory: Path) -> Any:
    """The command line as it is, and the record that it prints. Raises SystemExit where it fails."""
    from connector.cli import command_line

    sys.argv[1:] = ["run", ORCHESTRATION, "--project", str(directory), "--json"]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            command_line()
        except SystemExit as ended:
            if ended.code:
                raise
    return json.loads(told.getvalue())


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), profile="--profile" in sys.argv)))
