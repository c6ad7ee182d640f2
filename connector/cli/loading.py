"""Imports that cost no more than they have to."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from connector.cli.memory import keep_freed


def begin() -> None:
    """Says that this process is the command line's own: what it loads stays until its end."""
    # For linear algebra, which nobody does here, numpy starts a thread for each core, and they wait busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # httpx's own command line, and what it draws with; httpx does without where that is not installed.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    keep_freed()
    gc.freeze()
    atexit.register(_end)


@contextmanager
def loading() -> Iterator[None]:
    """Around imports, which are not looked through for garbage meanwhile, nor later in a process that has begun.

    Python would do so again and again while it grows, and twice at the end.
    """
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count():
            gc.freeze()
        gc.enable()


def _end() -> None:
    """Leaves it to the interpreter to take everything apart, once.

    What stayed frozen would not be taken apart, of which extensions complain on stderr, as DuckDB's did.
    """
    gc.unfreeze()
    gc.disable()
