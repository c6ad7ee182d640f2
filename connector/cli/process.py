"""How a process that is the command line's own begins and ends: nothing in it is done twice, or for nobody."""

import atexit
import gc
import os
import sys

from connector.cli.memory import keep_freed
from connector.cli.streams import protect_streams, write_error

_codes: list[int] = []
_output_optional: list[bool] = []


def make_output_optional() -> None:
    """Let the command succeed even if its stdout cannot be written, since it does more than print."""
    _output_optional.append(True)


def exit_code(code: object) -> object:
    """Report output that could not be written; return 1 instead of 0 if the command is to do nothing but print."""
    if (error := write_error()) is None:
        return code
    sys.stderr.write(f"The output could not be written: {error}.\n")
    return code or int(not _output_optional)


def begin() -> None:
    """Says that this process is the command line's own: what it loads stays until its end."""
    # For linear algebra, which nobody does here, numpy starts a thread for each core, and they wait busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # httpx's own command line, and what it draws with; httpx does without where that is not installed.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    protect_streams()
    keep_freed()
    gc.freeze()
    # Whoever waits for the end already, as a tracer does that was loaded first, would come after this one.
    alone = atexit._ncallbacks() == 0
    atexit.register(_end, alone=alone)


def end_soon(code: object) -> None:
    """The process is to end with this exit code once all who wait for its end have done what they have to."""
    if code is None or isinstance(code, int):
        _codes.append(code or 0)


def _end(*, alone: bool) -> None:
    """Leaves it to the system to take everything apart, which is a sixth of a short run's time; else to Python, once.

    Threads have been waited for by now, and everybody who asked for it was told that the end has come.
    """
    if alone and _codes and _flushed():
        os._exit(_codes[-1])
    # What stayed frozen would not be taken apart, of which extensions complain on stderr, as DuckDB's did.
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
