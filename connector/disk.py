"""Waits until a disk has what was written, and lets go of the memory that holds it too."""

import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 32 << 20
"""Bytes that are written before the disk is given them."""

KEPT = 1 << 30
"""Bytes of a file that may stay in memory beside the disk: of a larger file the rest is read from the disk again."""


def sync(path: Path) -> None:
    """Comes back when the disk has the file, or the names in the folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def let_go(descriptor: int) -> None:
    """Frees the memory in which the system holds what lies beyond KEPT of a file, as far as the disk has it.

    A system holds all of a file as long as it has memory left, in place of what others had there; and where each page
    has to be found first, as in virtual machines, writing the last rows of a result costs more than the first.
    """
    if sys.platform == "linux":
        os.posix_fadvise(descriptor, KEPT, 0, os.POSIX_FADV_DONTNEED)


class Growing:
    """Gives the disk a file piece by piece while it is written, so that nobody waits long for the whole at its end."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._given, self._giving = 0, Future[None]()
        self._giving.set_result(None)

    def has(self, size: int) -> None:
        """So many bytes are written. Raises OSError where the disk has failed: it says so but once."""
        if size - self._given >= AT_ONCE and self._giving.done():
            self._giving.result()
            self._given, self._giving = size, self._thread.submit(self._give)

    def _give(self) -> None:
        os.fsync(self._descriptor)
        let_go(self._descriptor)

    def close(self) -> None:
        """Comes back when nothing is under way. Raises OSError as `has` does."""
        self._thread.shutdown()
        os.close(self._descriptor)
        self._giving.result()
