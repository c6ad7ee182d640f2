"""Folders that every machine of a cluster sees, for the stage of a run that several machines work on.

A folder is a path, or a prefix in an object store. What counts in it is decided elsewhere: a folder of an attempt that
was never committed is garbage.
"""

import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj, rmtree
from typing import IO, cast
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType

from connector.core.disk import make_private_file, make_private_folder, sync
from connector.core.redaction import redact
from connector.errors import ConfigurationError, CorruptStage, ResumableError
from connector.staging.storage.object_store import StoreAddress, display, open_store, parse_address
from connector.staging.storage.open_files import POINTER, reading

_AT_ONCE = 8 << 20
_CHECK = b"connector\n"
_AGAIN = "Fix this, then run `connector resume`."
_DETAILS = re.compile(r"; Details: .*| \(Request ID: .*|\. Detail: .*", re.DOTALL)


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
        parsed = parse_address(address)
        return ObjectFolder(address, open_store(parsed), parsed)

    def __str__(self) -> str:
        return display(self.address)

    def __repr__(self) -> str:
        return f"SharedFolder({self})"

    @abstractmethod
    def child(self, name: str) -> "SharedFolder":
        """Return a folder in this one."""

    @abstractmethod
    def open(self, name: str) -> pa.NativeFile:
        """Open a file to read. Raises CorruptStage if it is missing; use `reading` around what reads from it."""

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
    def read(self, name: str) -> bytes | None:
        """Return the content of a small file; None if there is no such file."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all files, also of those in folders here, such as `left-out/x.parquet`, sorted."""

    @abstractmethod
    def remove(self) -> None:
        """Delete the folder with everything in it, if there is one."""

    @abstractmethod
    def remove_file(self, name: str) -> None:
        """Delete a file, if there is one."""

    def check(self) -> None:
        """Write, read and delete a small file. Raises ConfigurationError if that fails."""
        name = f"check-{token_hex(8)}"
        try:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, name).write_bytes(_CHECK)
                self.publish(Path(folder), [name])
            found = self.read(name)
            self.remove_file(name)
        except (ResumableError, OSError) as error:
            reason = error.reason if isinstance(error, _Unreachable) else str(error)
            raise ConfigurationError(f"The shared folder {self} cannot be used: {reason}.") from None
        if found != _CHECK:
            raise ConfigurationError(f"The shared folder {self} cannot be used: it returns other bytes than written.")


class _Unreachable(ResumableError):
    """The folder cannot be used now, for a reason that may go away."""

    def __init__(self, what: str, verb: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{what} cannot be {verb}: {reason}. {_AGAIN}")


class PathFolder(SharedFolder):
    """A folder at a path, such as a network file system that is mounted on every machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def __str__(self) -> str:
        return self.address

    def child(self, name: str) -> SharedFolder:
        """See `SharedFolder.child`."""
        return PathFolder(self._path / name)

    def open(self, name: str) -> pa.NativeFile:
        """See `SharedFolder.open`."""
        with self.reading(name):
            return pa.OSFile(str(self._path / name), "rb")

    def reading(self, name: str) -> AbstractContextManager[None]:
        """See `SharedFolder.reading`."""
        return reading(self._path / name)

    @contextmanager
    def attempt(self, name: str) -> Iterator[Path]:
        """See `SharedFolder.attempt`."""
        folder = self._path / name
        with _translated(folder, "written"):
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
            with _translated(path, "written"):
                _make_durable_folder(path.parent)
                with (folder / name).open("rb") as source:
                    _replace(path, source)

    def fetch(self, name: str, to: Path) -> bool:
        """See `SharedFolder.fetch`."""
        with _translated(self._path / name, "read"):
            try:
                source = (self._path / name).open("rb")
            except (FileNotFoundError, NotADirectoryError):
                return False
            with source:
                _replace(to, source)
        return True

    def read(self, name: str) -> bytes | None:
        """See `SharedFolder.read`."""
        with _translated(self._path / name, "read"), suppress(FileNotFoundError, NotADirectoryError):
            return (self._path / name).read_bytes()
        return None

    def names(self) -> list[str]:
        """See `SharedFolder.names`."""
        with _translated(self._path, "read"):
            files = (path for path in self._path.rglob("*") if path.is_file() and not path.name.startswith("."))
            return sorted(path.relative_to(self._path).as_posix() for path in files)

    def remove(self) -> None:
        """See `SharedFolder.remove`."""
        with _translated(self._path, "deleted"), suppress(FileNotFoundError):
            rmtree(self._path)

    def remove_file(self, name: str) -> None:
        """See `SharedFolder.remove_file`."""
        with _translated(self._path / name, "deleted"):
            (self._path / name).unlink(missing_ok=True)


class ObjectFolder(SharedFolder):
    """A prefix in an object store, in which a file is there at once or not at all."""

    def __init__(self, address: str, files: FileSystem, parsed: StoreAddress) -> None:
        super().__init__(address)
        self._files, self._parsed = files, parsed

    def child(self, name: str) -> SharedFolder:
        """See `SharedFolder.child`."""
        return _child(self, self._files, name)

    def open(self, name: str) -> pa.NativeFile:
        """See `SharedFolder.open`."""
        with self.reading(name):
            return self._files.open_input_file(self._key(name))

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """See `SharedFolder.reading`."""
        try:
            yield
        except pa.ArrowInvalid:
            raise CorruptStage(f"{self}/{name} is damaged") from None
        except FileNotFoundError:
            raise CorruptStage(f"{self}/{name} is missing") from None
        except OSError as error:
            raise _unreachable(f"{self}/{name}", "read", error) from None

    @contextmanager
    def attempt(self, name: str) -> Iterator[Path]:
        """See `SharedFolder.attempt`."""
        child = self.child(name)
        with _translated(f"{child}", "written"), _temporary_folder() as folder:
            yield folder
            try:
                child.publish(folder, sorted(_files_below(folder)))
            except BaseException:
                with suppress(ResumableError):
                    child.remove()
                raise

    def publish(self, folder: Path, names: Iterable[str]) -> None:
        """See `SharedFolder.publish`."""
        for name in names:
            with _translated(f"{self}/{name}", "written"), (folder / name).open("rb") as source:
                self._upload(name, source)

    def _upload(self, name: str, source: IO[bytes]) -> None:
        sink = self._files.open_output_stream(self._key(name))
        try:
            copyfileobj(source, cast("IO[bytes]", sink), _AT_ONCE)
        except BaseException:
            # Closing is the only way to end an upload, and makes a part of the file look like the whole of it.
            with suppress(OSError):
                sink.close()
                self._files.delete_file(self._key(name))
            raise
        sink.close()

    def fetch(self, name: str, to: Path) -> bool:
        """See `SharedFolder.fetch`."""
        with _translated(f"{self}/{name}", "read"):
            try:
                source = self._files.open_input_stream(self._key(name))
            except FileNotFoundError:
                return False
            with source:
                _replace(to, cast("IO[bytes]", source))
        return True

    def read(self, name: str) -> bytes | None:
        """See `SharedFolder.read`."""
        with (
            _translated(f"{self}/{name}", "read"),
            suppress(FileNotFoundError),
            self._files.open_input_stream(self._key(name)) as file,
        ):
            return cast("bytes", file.read())
        return None

    def names(self) -> list[str]:
        """See `SharedFolder.names`."""
        with _translated(str(self), "read"):
            selector = FileSelector(self._parsed.path, recursive=True, allow_not_found=True)
            infos = [info for info in self._files.get_file_info(selector) if info.type is FileType.File]
        return sorted(info.path.removeprefix(f"{self._parsed.path}/") for info in infos)

    def remove(self) -> None:
        """See `SharedFolder.remove`."""
        with _translated(str(self), "deleted"), suppress(FileNotFoundError):
            self._files.delete_dir(self._parsed.path)

    def remove_file(self, name: str) -> None:
        """See `SharedFolder.remove_file`."""
        with _translated(f"{self}/{name}", "deleted"), suppress(FileNotFoundError):
            self._files.delete_file(self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._parsed.path}/{name}"


def _child(folder: ObjectFolder, files: FileSystem, name: str) -> ObjectFolder:
    path, mark, query = folder.address.partition("?")
    address = f"{path.rstrip('/')}/{name}{mark}{query}"
    return ObjectFolder(address, files, parse_address(address))


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


def _replace(path: Path, source: IO[bytes]) -> None:
    """Copy a file to a private one, which replaces `path` once it is on disk."""
    make_private_folder(path.parent)
    unfinished = path.with_name(f".{token_hex(4)}.unfinished")
    make_private_file(unfinished)
    try:
        with unfinished.open("wb") as sink:
            copyfileobj(source, sink, _AT_ONCE)
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


def _files_below(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a private folder on this machine's disk."""
    with tempfile.TemporaryDirectory(prefix="connector-attempt-") as folder:
        yield Path(folder)


@contextmanager
def _translated(what: Path | str, verb: str) -> Iterator[None]:
    """Raise ResumableError for an error of a disk or a store."""
    try:
        yield
    except OSError as error:
        raise _unreachable(str(what), verb, error) from None


def _unreachable(what: str, verb: str, error: OSError) -> _Unreachable:
    reason = error.strerror or redact(_DETAILS.sub("", str(error)).rpartition("AWS Error ")[2], 200)
    return _Unreachable(what, verb, reason.rstrip(".") or type(error).__name__)
