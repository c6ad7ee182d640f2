"""Waits until a disk has what was written."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Comes back when the disk has the file, or the names in the folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
