"""Imports that cost no more than they have to."""

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Around imports: what they make stays until the process ends, and is not looked through for garbage meanwhile.

    Python would do so again and again while it grows, and twice at the end.
    """
    # For linear algebra, which nobody does here, numpy starts a thread for each core, and they wait busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(_end)


def _end() -> None:
    """Leaves it to the interpreter to take everything apart, once.

    What stayed frozen would not be taken apart, of which extensions complain on stderr, as DuckDB's did.
    """
    gc.unfreeze()
    gc.disable()
