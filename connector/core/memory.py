"""Keep freed memory for reuse in a process that works slice by slice."""

import ctypes
import os
import sys
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`, see malloc.h."""

_NEVER = 1 << 30
_LARGEST = 32 << 20
"""glibc requests larger blocks from the system one by one, whatever the threshold."""


def retain_freed_memory(milliseconds: int = -1) -> None:
    """Have Arrow's allocator, which reads this when it is loaded, and glibc keep freed memory for reuse.

    Arrow's returns what was not used for so many milliseconds; -1: nothing.

    A run works slice by slice, in buffers as large as those of the slice before. If they were returned to the system,
    it would clear and map them again for each slice, which took a sixth of the time that staging takes.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", str(milliseconds))
    if mallopt := _of_glibc("mallopt"):
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)


def return_freed_memory() -> None:
    """Return the memory that Arrow and glibc keep to the system, but for that of other threads."""
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    if malloc_trim := _of_glibc("malloc_trim"):
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    """Return a function of glibc; None with another library."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
