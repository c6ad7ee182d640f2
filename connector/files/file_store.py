"""Where files are stored: on this machine or, through `remote_store`, elsewhere."""

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import IO, Protocol

from connector.config.file_format import FileFormat
from connector.config.remote_address import display_address, scheme_of
from connector.errors import FileRefused
from connector.files.file_address import (
    WILDCARDS,
    Partitions,
    check_address,
    check_name,
    display_path,
    partitions,
    without_personal_partitions,
)
from connector.files.file_errors import translate_errors


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as it was found."""

    path: str
    display_name: str
    """The path for messages and the ledger, which identifies nobody."""
    partitions: Partitions
    size: int
    """In bytes, as stored."""
    stamp: Hashable
    """Differs once the file has changed."""
    version: str = ""
    """Differs too, and is the same for all machines that see the file."""


class FileStore(Protocol):
    """A place that contains files."""

    def find(self, pattern: str) -> list[str]:
        """Return the paths that match a path or a glob."""

    def stat(self, path: str) -> tuple[int, Hashable, str]:
        """Return a file's current size, stamp and version."""

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading from its start to its end."""

    def close(self) -> None:
        """Close connections."""


@contextmanager
def open_store(pattern: str, directory: Path, file_format: FileFormat | None = None) -> Iterator[FileStore]:
    """Open the store of an address.

    Raises what `check_address` raises, and SourceError if the store cannot be reached.
    """
    check_address(pattern, directory, file_format)
    store = LocalStore() if scheme_of(pattern) is None else _remote_store(pattern)
    try:
        yield store
    finally:
        store.close()


def find_files(
    store: FileStore, pattern: str, directory: Path, *, select: Callable[[str], bool] = lambda _: True
) -> list[FileInfo]:
    """Return the files that match a pattern, by name; local paths are shown relative to `directory`.

    Only files whose path is selected are accessed.

    Raises FileRefused if there is none, or one of another type, SourceError if the store fails.
    """
    name = display_path(pattern, directory)
    with translate_errors(name):
        paths = sorted(store.find(pattern))
    if not paths:
        noun = "file that matches" if WILDCARDS & set(pattern) else "file"
        raise FileRefused(f"There is no {noun} {name}.")
    found = [(path, display_path(path, directory)) for path in paths if select(path)]
    return [
        _file_info(store, path, without_personal_partitions(relative), partitions(relative)) for path, relative in found
    ]


def stat_again(store: FileStore, file: FileInfo) -> FileInfo:
    """Return the current state of a file. Raises as `find_files` does."""
    return _file_info(store, file.path, file.display_name, file.partitions)


def _file_info(store: FileStore, path: str, name: str, named: Partitions) -> FileInfo:
    with translate_errors(name):
        found = FileInfo(path, name, named, *store.stat(path))
    check_name(path, name)
    return found


def _remote_store(pattern: str) -> FileStore:
    from connector.files.remote_store import RemoteStore

    with translate_errors(display_address(pattern)):
        return RemoteStore(pattern)


class LocalStore:
    """Files of this machine; see `FileStore`."""

    def find(self, pattern: str) -> list[str]:
        """See `FileStore.find`."""
        if Path(pattern).exists():
            return [pattern]
        return [path for path in glob(pattern, recursive=True) if Path(path).is_file()]  # noqa: PTH207

    def stat(self, path: str) -> tuple[int, Hashable, str]:
        """See `FileStore.stat`. Machines may have other numbers for the inodes of a shared disk."""
        if Path(path).is_dir():
            raise IsADirectoryError
        status = os.stat(path)  # noqa: PTH116
        version = (status.st_size, status.st_mtime_ns)
        return status.st_size, (*version, status.st_ino), "-".join(map(str, version))

    def open(self, path: str) -> IO[bytes]:
        """See `FileStore.open`."""
        return Path(path).open("rb", buffering=0)

    def close(self) -> None:
        """See `FileStore.close`."""
