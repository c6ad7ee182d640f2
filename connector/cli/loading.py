"""Imports that cost no more than they have to."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
