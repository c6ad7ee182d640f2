"""How much of a file the system holds in memory."""

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np


def resident(path: Path, beyond: int = 0) -> int:
    """Bytes of the pages from `beyond` on (a multiple of a page's size) that are in memory."""
    size = path.stat().st_size - beyond
    pages = np.zeros(-(-size // mmap.PAGESIZE), np.uint8)
    descriptor = os.open(path, os.O_RDWR)
    try:
        with mmap.mmap(descriptor, size, offset=beyond) as mapped:
            here = ctypes.c_char.from_buffer(mapped)
            libc = ctypes.CDLL(None, use_errno=True)
            told = libc.mincore(ctypes.byref(here), ctypes.c_size_t(size), pages.ctypes.data_as(ctypes.c_void_p))
            del here
            assert told == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(descriptor)
    return int(np.count_nonzero(pages & 1)) * mmap.PAGESIZE
