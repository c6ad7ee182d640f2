"""Create files and folders that only their owner may read, and fsync what was written."""

import os
import secrets
import stat
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

FSYNC_BYTES = 32 << 20
"""The number of bytes after which a file is fsynced while it is written."""

CACHED_BYTES = 1 << 30
"""The bytes of a file that may stay in the page cache; the rest of a larger file is read from the disk again."""

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_LONGEST_PART = 50


def is_file(path: Path) -> bool:
    """Return whether a path is a file; a name too long for the file system is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def make_private_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Create a folder, and the missing ones above it, that only their owner may enter, whatever the umask.

    A folder that exists is left as it is. Raises FileExistsError unless `exist_ok`.
    """
    if not path.parent.exists():
        make_private_folder(path.parent)
    try:
        path.mkdir(mode=PRIVATE_FOLDER)
    except FileExistsError:
        if not exist_ok or not path.is_dir():
            raise
    else:
        path.chmod(PRIVATE_FOLDER)


def make_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read and write, or restrict one that exists to its owner."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, PRIVATE_FILE)
    try:
        with suppress(PermissionError):
            os.fchmod(descriptor, PRIVATE_FILE)
    finally:
        os.close(descriptor)


def unfinished_file(path: Path) -> Path:
    """Create an empty file beside `path`, to replace it once it is complete; its mode follows the umask."""
    unfinished = path.with_name(f".{path.name[:_LONGEST_PART]}.{secrets.token_hex(4)}.unfinished")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return unfinished


def restrict(path: Path) -> None:
    """Remove the permissions that PRIVATE_FILE or PRIVATE_FOLDER does not grant.

    Links and other users' files are left alone.
    """
    with suppress(FileNotFoundError, PermissionError):
        mode = path.lstat().st_mode
        private = mode & (PRIVATE_FOLDER if stat.S_ISDIR(mode) else PRIVATE_FILE)
        if stat.S_IMODE(mode) != private and not stat.S_ISLNK(mode):
            path.chmod(private)


def restrict_tree(folder: Path) -> None:
    """Restrict a folder and everything below it to its owner."""
    folder = folder.resolve()
    restrict(folder)
    _restrict_below(folder)


def _restrict_below(folder: str | Path) -> None:
    # No Path object for each file: a state folder may have tens of thousands.
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                _restrict_entry(entry)


def _restrict_entry(entry: "os.DirEntry[str]") -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    if entry.stat(follow_symlinks=False).st_mode & ~(PRIVATE_FOLDER if is_folder else PRIVATE_FILE) & 0o7777:
        restrict(Path(entry))
    if is_folder:
        _restrict_below(entry.path)


def sync(path: Path) -> None:
    """Fsync a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drop_from_cache(descriptor: int) -> None:
    """Drop what lies beyond CACHED_BYTES of a file from the page cache, as far as it is on disk.

    A system caches all of a file while it has memory, and evicts what other processes had cached. If it then has to
    search for free pages, as in virtual machines, writing the last rows of a result costs more than the first.
    """
    if sys.platform == "linux":
        os.posix_fadvise(descriptor, CACHED_BYTES, 0, os.POSIX_FADV_DONTNEED)


class SteadySync:
    """Fsyncs a file in a background thread while it is written, so that the fsync at its end is short."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._synced_size, self._sync = 0, Future[None]()
        self._sync.set_result(None)

    def has(self, size: int) -> None:
        """Start an fsync if enough was written since the last one; `size` bytes are written.

        Raises OSError if the disk failed: it reports a failure only once.
        """
        if size - self._synced_size >= FSYNC_BYTES and self._sync.done():
            self._sync.result()
            self._synced_size, self._sync = size, self._thread.submit(self._fsync)

    def _fsync(self) -> None:
        os.fsync(self._descriptor)
        drop_from_cache(self._descriptor)

    def close(self) -> None:
        """Wait for the fsync in progress. Raises OSError as `has` does."""
        self._thread.shutdown()
        os.close(self._descriptor)
        self._sync.result()
