"""Make files and folders that their owner alone may read, and wait until the disk has what was written."""

import os
import secrets
import stat
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

AT_ONCE = 32 << 20
"""Bytes that are written before the disk is given them."""

KEPT = 1 << 30
"""Bytes of a file that may stay in memory beside the disk: of a larger file the rest is read from the disk again."""


PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_LONGEST_PART = 50


def is_file(path: Path) -> bool:
    """Tell whether a path is a file; a name too long for the file system is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def make_private_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Create a folder, and those above it that are missing, which only their owner may enter whatever the umask.

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
    """Create an empty file beside `path`, which it is to replace once it is whole; its mode follows the umask."""
    unfinished = path.with_name(f".{path.name[:_LONGEST_PART]}.{secrets.token_hex(4)}.unfinished")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return unfinished


def restrict(path: Path) -> None:
    """Remove the permissions that PRIVATE_FILE or PRIVATE_FOLDER does not grant.

    Links and other users' files are left alone.
    """
    with suppress(FileNotFoundError, PermissionError):
        mode = path.lstat().st_mode
        kept = mode & (PRIVATE_FOLDER if stat.S_ISDIR(mode) else PRIVATE_FILE)
        if stat.S_IMODE(mode) != kept and not stat.S_ISLNK(mode):
            path.chmod(kept)


def restrict_tree(folder: Path) -> None:
    """Restrict a folder and everything below it to its owner."""
    folder = folder.resolve()
    restrict(folder)
    _restrict_below(folder)


def _restrict_below(folder: str | Path) -> None:
    # Without a Path for each: a state folder may hold tens of thousands of files.
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


class SteadySync:
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
