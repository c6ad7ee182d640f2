"""Folders in object stores, in which a file is there at once or not at all."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj
from typing import IO, cast

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType

from connector.errors import CorruptStage, ResumableError
from connector.staging.storage.object_store import open_store, parse_address
from connector.staging.storage.read_ahead import ReadAhead
from connector.staging.storage.shared_folder import (
    AT_ONCE,
    SharedFolder,
    UnreachableFolder,
    replace_file,
    resumable_errors,
    unreachable,
)
from connector.staging.storage.temporary_folder import temporary_folder

_REQUESTS_AT_ONCE = 8


class ObjectFolder(SharedFolder):
    """A prefix in an object store, in which a file is there at once or not at all."""

    def __init__(self, address: str, files: FileSystem) -> None:
        super().__init__(address)
        self._files, self._path = files, parse_address(address).path

    @classmethod
    def at(cls, address: str) -> "ObjectFolder":
        """Return the folder at an address. Raises ConfigurationError if it is not that of a store."""
        return cls(address, open_store(parse_address(address)))

    def refuse_unmounted(self) -> None:
        """See `SharedFolder.refuse_unmounted`: a store that has no such bucket may be another one."""
        bucket = self._path.partition("/")[0]
        with resumable_errors(str(self), "reached"):
            if self._files.get_file_info(bucket).type is FileType.NotFound:
                raise UnreachableFolder(str(self), "reached", f'there is no bucket "{bucket}"')

    def child(self, name: str) -> SharedFolder:
        """See `SharedFolder.child`."""
        path, mark, query = self.address.partition("?")
        return ObjectFolder(f"{path.rstrip('/')}/{name}{mark}{query}", self._files)

    def open(self, name: str) -> pa.NativeFile:
        """See `SharedFolder.open`."""
        with self.reading(name):
            return self._files.open_input_file(self._key(name))

    def open_ahead(self, name: str) -> ReadAhead:
        """See `SharedFolder.open_ahead`."""
        return ReadAhead(self.open(name))

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
            raise unreachable(f"{self}/{name}", "read", error) from None

    @contextmanager
    def attempt(self, name: str) -> Iterator[Path]:
        """See `SharedFolder.attempt`."""
        child = self.child(name)
        with resumable_errors(f"{child}", "written"), temporary_folder() as folder:
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
            with resumable_errors(f"{self}/{name}", "written"), (folder / name).open("rb") as source:
                self._upload(name, source)

    def _upload(self, name: str, source: IO[bytes]) -> None:
        sink = self._files.open_output_stream(self._key(name))
        try:
            copyfileobj(source, cast("IO[bytes]", sink), AT_ONCE)
        except BaseException:
            # Closing is the only way to end an upload, and makes a part of the file look like the whole of it.
            with suppress(OSError):
                sink.close()
                self._files.delete_file(self._key(name))
            raise
        sink.close()

    def fetch(self, name: str, to: Path) -> bool:
        """See `SharedFolder.fetch`."""
        with resumable_errors(f"{self}/{name}", "read"):
            try:
                source = self._files.open_input_stream(self._key(name))
            except FileNotFoundError:
                return False
            with source:
                replace_file(to, cast("IO[bytes]", source))
        return True

    @contextmanager
    def here(self, folder: str) -> Iterator[Path]:
        """See `SharedFolder.here`."""
        with temporary_folder() as temporary:
            # Named as this one, for messages.
            copy = temporary / self._path.rpartition("/")[2]
            for name in self.child(folder).names():
                self.fetch(f"{folder}/{name}", copy / folder / name)
            yield copy

    @contextmanager
    def changing(self, folder: str) -> Iterator[Path]:
        """See `SharedFolder.changing`."""
        with self.here(folder) as copy:
            before = _states(copy)
            yield copy
            after = _states(copy)
            self.publish(copy, [name for name, state in after.items() if before.get(name) != state])
            for name in before.keys() - after.keys():
                self.remove_file(name)

    def read(self, name: str) -> bytes | None:
        """See `SharedFolder.read`."""
        with (
            resumable_errors(f"{self}/{name}", "read"),
            suppress(FileNotFoundError),
            self._files.open_input_stream(self._key(name)) as file,
        ):
            return cast("bytes", file.read())
        return None

    def names(self) -> list[str]:
        """See `SharedFolder.names`."""
        with resumable_errors(str(self), "read"):
            selector = FileSelector(self._path, recursive=True, allow_not_found=True)
            infos = [info for info in self._files.get_file_info(selector) if info.type is FileType.File]
        return sorted(info.path.removeprefix(f"{self._path}/") for info in infos)

    def remove(self) -> None:
        """See `SharedFolder.remove`."""
        with resumable_errors(str(self), "deleted"), suppress(FileNotFoundError):
            self._files.delete_dir(self._path)

    def remove_except(self, folder: str) -> None:
        """See `SharedFolder.remove_except`."""
        names = [name for name in self.names() if not name.startswith(f"{folder}/")]
        folders = {name.partition("/")[0] for name in names if "/" in name}
        files = [name for name in names if "/" not in name]
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as threads:
            list(threads.map(lambda name: self.child(name).remove(), folders))
            list(threads.map(self.remove_file, files))

    def remove_file(self, name: str) -> None:
        """See `SharedFolder.remove_file`."""
        with resumable_errors(f"{self}/{name}", "deleted"), suppress(FileNotFoundError):
            self._files.delete_file(self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._path}/{name}"


def _files_below(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    """Return for each file below a folder what changes when it is replaced."""
    states = ((name, (folder / name).stat()) for name in _files_below(folder))
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states}
