"""Private folders on this machine's disk, of which none stays for long if its process is killed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from shutil import rmtree
from time import time

_TEMPORARY, _ABANDONED_SECONDS = "connector-stage-", 3600
"""The prefix of temporary folders, and the age at which one is deleted once its process is dead."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a private folder on this machine's disk; those of killed processes are deleted some time later."""
    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as name, _locked(Path(name)):
        yield Path(name)


def _remove_abandoned() -> None:
    """Delete old temporary folders that no process holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            info = folder.lstat()
            if info.st_uid == os.getuid() and time() - info.st_mtime > _ABANDONED_SECONDS:
                with _locked(folder):
                    rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which the system releases when the process dies. Raises OSError if another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)
