"""What becomes of memory that is freed: it is kept for what comes next, until the process ends.

A run works slice by slice, in buffers that are as large as those of the slice before. Given back to the system, they
would be cleared and mapped anew for each slice, which took a sixth of the time that staging takes.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's `mallopt`, see malloc.h."""

_NEVER = 1 << 30
_LARGEST = 32 << 20
"""Larger blocks than this glibc takes from the system one by one, whatever it is told."""


def keep_freed() -> None:
    """Tells the allocators so: Arrow's, which reads this when it is loaded, and the C library's where that is glibc."""
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
