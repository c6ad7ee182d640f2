"""Folders that every machine of a cluster sees, for the stage of a run that several machines work on.

A folder is a path, or a prefix in an object store. What counts in it is decided elsewhere: a folder of an attempt that
was never committed is garbage.
"""

import errno
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj, rmtree
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from connector.core.disk import make_private_file, make_private_folder, sync
from connector.core.redaction import redact
from connector.errors import ConfigurationError, CorruptStage, ResumableError
from connector.staging.storage.object_store import display_folder
from connector.staging.storage.open_files import POINTER, reading

if TYPE_CHECKING:
    from connector.staging.storage.read_ahead import ReadAhead

AT_ONCE = 8 << 20
_CHECK = b"connector\n"
_AGAIN = "Fix this, then run `connector resume`."
_DETAILS = re.compile(r"; Details: .*| \(Request ID: .*|\. Detail: .*|\)?\.? error_info=.*", re.DOTALL)
_BEFORE = re.compile(r".*AWS Error |.*google::cloud::Status\(", re.DOTALL)


class SharedFolder(ABC):
    """A folder that every machine sees. Safe to use from several threads.

    Every method raises ResumableError if the folder cannot be reached now.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        """The address, as `at` takes it. It may contain credentials: show `str(folder)` instead."""

    @classmethod
    def at(cls, address: str) -> "SharedFolder":
        """Return the folder at a path, `file://`, `s3://bucket/prefix` or `gs://bucket/prefix`; it need not exist.

        Raises ConfigurationError if the address is not one of these.
        """
        scheme, mark, _ = address.partition("://")
        if not mark:
            return PathFolder(Path(address).absolute())
        if scheme == "file":
            return PathFolder(Path(unquote(urlsplit(address).path)))
        from connector.staging.storage.object_folder import ObjectFolder

        return ObjectFolder.at(address)

    def __str__(self) -> str:
        return display_folder(self.address)

    def __repr__(self) -> str:
        return f"SharedFolder({self})"

    @abstractmethod
    def child(self, name: str) -> "SharedFolder":
        """Return a folder in this one."""

    @abstractmethod
    def open(self, name: str) -> pa.NativeFile:
        """Open a file to read. Raises CorruptStage if it is missing; use `reading` around what reads from it."""

    def open_ahead(self, name: str) -> "pa.NativeFile | ReadAhead":
        """Open a file as `open` does, to read most of it in order."""
        return self.open(name)

    @abstractmethod
    def reading(self, name: str) -> AbstractContextManager[None]:
        """Raise CorruptStage if a file is missing or damaged, ResumableError if it may be read later."""

    @abstractmethod
    def attempt(self, name: str) -> AbstractContextManager[Path]:
        """Yield a new private folder to write in; all in it is durable in `child(name)` once the block has ended.

        If the block fails, nothing is left. Raises ResumableError if the disk fails.
        """

    @abstractmethod
    def publish(self, folder: Path, names: Iterable[str]) -> None:
        """Copy files of a local folder here, each replacing any earlier one at once; they are durable afterwards."""

    @abstractmethod
    def fetch(self, name: str, to: Path) -> bool:
        """Copy a file to a private local one, which it replaces at once; return False if there is no such file."""

    @abstractmethod
    def here(self, folder: str) -> AbstractContextManager[Path]:
        """Yield a folder on this machine with the files of a folder in this one: this one, or one with copies."""

    @abstractmethod
    def changing(self, folder: str) -> AbstractContextManager[Path]:
        """Yield a folder as `here` does; files that the block changes or deletes in it are changed and deleted here."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """Return the content of a small file; None if there is no such file."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all files, also of those in folders here, such as `left-out/x.parquet`, sorted."""

    @abstractmethod
    def remove(self) -> None:
        """Delete the folder with everything in it, if there is one."""

    @abstractmethod
    def remove_except(self, folder: str) -> None:
        """Delete everything but a folder in this one."""

    @abstractmethod
    def remove_file(self, name: str) -> None:
        """Delete a file, if there is one."""

    @abstractmethod
    def refuse_unmounted(self) -> None:
        """Raise ResumableError if what this folder is in does not exist here, which looks as if nothing was in it."""

    def check(self) -> None:
        """Write, read and delete a small file. Raises ConfigurationError if that fails."""
        name = f"check-{token_hex(8)}"
        try:
            self.refuse_unmounted()
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, name).write_bytes(_CHECK)
                self.publish(Path(folder), [name])
            found = self.read(name)
            self.remove_file(name)
        except (ResumableError, OSError) as error:
            fault = error.fault if isinstance(error, UnreachableFolder | CorruptStage) else str(error)
            raise ConfigurationError(f"The shared folder {self} cannot be used: {fault}.") from None
        if found != _CHECK:
            raise ConfigurationError(f"The shared folder {self} cannot be used: it returns other bytes than written.")


class UnreachableFolder(ResumableError):
    """The folder cannot be used now, for a reason that may go away."""

    def __init__(self, what: str, verb: str, reason: str) -> None:
        self.fault = f"{what} cannot be {verb}: {reason}"
        """The fault, without what to do about it."""
        super().__init__(f"{self.fault}. {_AGAIN}")


class PathFolder(SharedFolder):
    """A folder at a path, such as a network file system that is mounted on every machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def __str__(self) -> str:
        return self.address

    def refuse_unmounted(self) -> None:
        """See `SharedFolder.refuse_unmounted`."""
        if not self._path.parent.exists():
            reason = f"there is no folder {self._path.parent}, which may not be mounted on this machine"
            raise UnreachableFolder(str(self), "reached", reason)

    def child(self, name: str) -> SharedFolder:
        """See `SharedFolder.child`."""
        return PathFolder(self._path / name)

    def open(self, name: str) -> pa.NativeFile:
        """See `SharedFolder.open`."""
        with self.reading(name):
            return pa.OSFile(str(self._path / name), "rb")

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """See `SharedFolder.reading`: a server of files that is down for a time looks like a disk that fails."""
        with reading(self._path / name):
            try:
                yield
            except OSError as error:
                if error.errno == errno.EIO:
                    raise unreachable(f"{self}/{name}", "read", error) from None
                raise

    @contextmanager
    def attempt(self, name: str) -> Iterator[Path]:
        """See `SharedFolder.attempt`."""
        folder = self._path / name
        with resumable_errors(folder, "written"):
            _make_durable_folder(self._path)
            make_private_folder(folder, exist_ok=False)
            try:
                yield folder
                _sync_tree(folder)
                sync(self._path)
            except BaseException:
                rmtree(folder, ignore_errors=True)
                raise

    def publish(self, folder: Path, names: Iterable[str]) -> None:
        """See `SharedFolder.publish`."""
        for name in names:
            path = self._path / name
            with resumable_errors(path, "written"):
                _make_durable_folder(path.parent)
                with (folder / name).open("rb") as source:
                    replace_file(path, source)

    def fetch(self, name: str, to: Path) -> bool:
        """See `SharedFolder.fetch`."""
        with resumable_errors(self._path / name, "read"):
            try:
                source = (self._path / name).open("rb")
            except (FileNotFoundError, NotADirectoryError):
                return False
            with source:
                replace_file(to, source)
        return True

    @contextmanager
    def here(self, folder: str) -> Iterator[Path]:  # noqa: ARG002
        """See `SharedFolder.here`."""
        yield self._path

    def changing(self, folder: str) -> AbstractContextManager[Path]:
        """See `SharedFolder.changing`."""
        return self.here(folder)

    def read(self, name: str) -> bytes | None:
        """See `SharedFolder.read`."""
        with resumable_errors(self._path / name, "read"), suppress(FileNotFoundError, NotADirectoryError):
            return (self._path / name).read_bytes()
        return None

    def names(self) -> list[str]:
        """See `SharedFolder.names`."""
        with resumable_errors(self._path, "read"):
            files = (path for path in self._path.rglob("*") if path.is_file() and not path.name.startswith("."))
            return sorted(path.relative_to(self._path).as_posix() for path in files)

    def remove(self) -> None:
        """See `SharedFolder.remove`."""
        with resumable_errors(self._path, "deleted"):
            _remove_tree(self._path)

    def remove_except(self, folder: str) -> None:
        """See `SharedFolder.remove_except`."""
        with resumable_errors(self._path, "deleted"), suppress(FileNotFoundError):
            for path in self._path.iterdir():
                if path.is_dir() and path.name != folder:
                    _remove_tree(path)
                elif path.name != folder:
                    path.unlink(missing_ok=True)

    def remove_file(self, name: str) -> None:
        """See `SharedFolder.remove_file`."""
        with resumable_errors(self._path / name, "deleted"):
            (self._path / name).unlink(missing_ok=True)


def link(directory: Path, shared: SharedFolder) -> None:
    """Make a local folder an overlay: what is not in it is read from `shared`."""
    make_private_folder(directory)
    unfinished = directory / f"unfinished-{POINTER}"
    make_private_file(unfinished)
    unfinished.write_text(shared.address, "utf-8")
    sync(unfinished)
    unfinished.replace(directory / POINTER)
    sync(directory)


def linked(directory: Path) -> SharedFolder | None:
    """Return the folder that a local one is an overlay of; None if it is none."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return SharedFolder.at((directory / POINTER).read_text("utf-8"))
    return None


def replace_file(path: Path, source: IO[bytes]) -> None:
    """Copy a file to a private one, which replaces `path` once it is on disk."""
    make_private_folder(path.parent)
    unfinished = path.with_name(f".{token_hex(4)}.unfinished")
    make_private_file(unfinished)
    try:
        with unfinished.open("wb") as sink:
            copyfileobj(source, sink, AT_ONCE)
            sink.flush()
            os.fsync(sink.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(path.parent)


def _make_durable_folder(path: Path) -> None:
    """Create a private folder and the missing ones above it, and fsync their names."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_private_folder(path)
    for folder in missing:
        sync(folder.parent)


def _remove_tree(path: Path) -> None:
    """Delete a folder, which another process may be deleting as well."""
    while path.exists():
        with suppress(FileNotFoundError):
            rmtree(path)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


@contextmanager
def resumable_errors(what: Path | str, verb: str) -> Iterator[None]:
    """Raise ResumableError for an error of a disk or a store."""
    try:
        yield
    except OSError as error:
        raise unreachable(str(what), verb, error) from None


def unreachable(what: str, verb: str, error: OSError) -> UnreachableFolder:
    """Return the error of a folder that cannot be used, without what the store quotes."""
    reason = error.strerror or redact(_BEFORE.sub("", _DETAILS.sub("", str(error))), 200)
    return UnreachableFolder(what, verb, reason.rstrip(".") or type(error).__name__)
