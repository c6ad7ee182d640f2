"""Write whole files below a folder on this machine, or below an address."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from connector.config.remote_address import scheme_of
from connector.core.disk import PRIVATE_FILE, make_private_folder, sync

if TYPE_CHECKING:
    from connector.core.remote_files import RemoteFiles


class Writer(Protocol):
    """A folder to write to. Safe to use from several threads."""

    def replace(self, name: str, data: bytes) -> None:
        """Write a file below the folder, or replace it as a whole. Raises OSError or what a driver raises."""

    def remove(self, name: str) -> None:
        """Delete a file below the folder."""


@contextmanager
def open_writer(folder: str, directory: Path) -> Iterator[Writer]:
    """Open a folder; a path is relative to `directory`. Raises OSError or what a driver raises."""
    if scheme_of(folder) is None:
        yield LocalWriter(directory / folder)
        return
    from connector.core.remote_files import RemoteFiles

    files = RemoteFiles(folder)
    try:
        yield RemoteWriter(files, files.path_of(folder))
    finally:
        files.close()


class LocalWriter:
    """Implements `Writer` on this machine: files and folders that their owner alone may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def replace(self, name: str, data: bytes) -> None:
        """See `Writer.replace`. The disk has the file before it gets its name."""
        path = self._folder / name
        with self._lock:
            _make_durable_folder(path.parent)
        unfinished = path.with_name(f".{path.name}.unfinished")
        with open(unfinished, "wb", opener=_open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync(path.parent)

    def remove(self, name: str) -> None:
        """See `Writer.remove`."""
        (self._folder / name).unlink()


class RemoteWriter:
    """Implements `Writer` at an address."""

    def __init__(self, files: "RemoteFiles", folder: str) -> None:
        self._files, self._folder = files, folder.rstrip("/")

    def replace(self, name: str, data: bytes) -> None:
        """See `Writer.replace`."""
        self._files.replace(f"{self._folder}/{name}", data)

    def remove(self, name: str) -> None:
        """See `Writer.remove`."""
        self._files.remove(f"{self._folder}/{name}")


def _make_durable_folder(folder: Path) -> None:
    """Create a folder and those above it that are missing, and wait until the disk has their names."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    make_private_folder(folder)
    for one in missing:
        sync(one.parent)


def _open_private(path: str, flags: int) -> int:
    """Open a file for writing that only its owner may read, whatever a process that died left under its name."""
    Path(path).unlink(missing_ok=True)
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
