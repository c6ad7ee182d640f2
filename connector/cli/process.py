"""Start and end of a process that belongs to the command line, and its use of memory."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from connector.cli.streams import STDOUT_CLOSED, protect_streams, write_error
from connector.core.memory import retain_freed_memory

_exit_codes: list[int] = []
_output_optional: list[bool] = []
_closed_output_allowed: list[bool] = []
_configured: list[bool] = []
"""Not empty in a process that is configured for the command line alone. To ask for the number of frozen objects would
take longer the more there are.
"""


def make_output_optional() -> None:
    """Let the command succeed even if its stdout cannot be written, since it does more than print."""
    _output_optional.append(True)


def allow_closed_output() -> None:
    """Let the command succeed if its stdout was closed before it started, since it does more than print."""
    _closed_output_allowed.append(True)


def exit_code(code: object) -> object:
    """Report output that could not be written; return 1 instead of 0 if the command is to do nothing but print."""
    if (error := write_error()) is None:
        return code
    if error == STDOUT_CLOSED and (_output_optional or _closed_output_allowed):
        return code
    sys.stderr.write(f"The output could not be written: {error}.\n")
    return code or int(not _output_optional)


def configure_process() -> None:
    """Configure this process for the command line alone: what it loads stays in memory until it exits."""
    # For linear algebra, which is not used here, numpy starts a thread for each core, and they wait busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # httpx's own command line and its drawing library; httpx works without them.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    protect_streams()
    retain_freed_memory()
    gc.freeze()
    _configured.append(True)
    # An exit handler that is registered already, such as a tracer's, would run after this one.
    alone = atexit._ncallbacks() == 0
    atexit.register(_finish, alone=alone)


def request_exit(code: object) -> None:
    """Record the exit code with which the process exits once all other exit handlers have run."""
    if code is None or isinstance(code, int):
        _exit_codes.append(code or 0)


def _finish(*, alone: bool) -> None:
    """Exit without taking objects apart, which is a sixth of a short run's time; else let Python do it once.

    Threads have ended by now, and all other exit handlers have run.
    """
    if alone and _exit_codes and _flushed():
        os._exit(_exit_codes[-1])
    # Frozen objects would not be taken apart, of which extensions such as DuckDB's complain on stderr.
    gc.unfreeze()
    gc.disable()


def _flushed() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause garbage collection during imports; in a configured process, exempt what they load from it for good.

    Python would collect again and again while it grows, and twice at exit.
    """
    gc.disable()
    try:
        yield
    finally:
        if _configured:
            gc.freeze()
        gc.enable()
