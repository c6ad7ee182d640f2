"""Read files of record batches, and release the memory of what was read of a large one.

Checksums are verified before Arrow interprets the bytes, because Arrow may crash on damaged ones.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from connector.core.disk import FSYNC_BYTES, drop_from_cache
from connector.errors import CorruptStage, ResumableError
from connector.staging.storage.arrow_file import END, INDEX, MAGIC
from connector.staging.storage.checksums import checksum

if TYPE_CHECKING:
    from connector.staging.storage.shared_folder import SharedFolder

_MOST_OPEN = 8
_EARLIER = b"ARROW1"
"""The first bytes of files that an earlier version wrote, without checksums."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)
"""Error numbers of files that nobody can make readable again."""

POINTER = "shared-stage"
"""A file with the address of the folder in which the files that are not in its own folder lie."""


class _Batches(Protocol):
    count: int

    def batch(self, index: int) -> pa.RecordBatch: ...


class _File:
    """A file as `ArrowFile` writes it. Reading raises CorruptStage if it is not as it was written."""

    def __init__(self, source: Any, path: Path | str) -> None:
        self._source, self._path = source, path
        self._size = source.size()
        self._index = self._read_index()
        self._schema = pa.ipc.read_schema(self._message(0))
        self.count = len(self._index) - 1

    def batch(self, index: int) -> pa.RecordBatch:
        return pa.ipc.read_record_batch(self._message(index + 1), self._schema)

    def _read_index(self) -> np.ndarray:
        size = self._size
        count, expected, magic = END.unpack(self._read(size - END.size, END.size))
        start = size - END.size - count * INDEX.itemsize
        if magic != MAGIC or not count or start < 0:
            raise self._damaged()
        index = self._read(start, count * INDEX.itemsize)
        if checksum(index) != expected:
            raise self._damaged()
        return np.frombuffer(index, INDEX)

    def _message(self, number: int) -> pa.Buffer:
        if number >= len(self._index):
            raise self._damaged()
        start, size, expected = self._index[number].tolist()
        message = self._read(start, size)
        if checksum(message) != expected:
            raise self._damaged()
        return message

    def _read(self, start: int, size: int) -> pa.Buffer:
        if start < 0 or start + size > self._size:
            raise self._damaged()
        self._source.seek(start)
        found = self._source.read_buffer(size)
        if found.size != size:
            raise self._damaged()
        return found

    def _damaged(self) -> CorruptStage:
        return CorruptStage(f"{self._path} is {'damaged' if self._size else 'empty'}")


class _EarlierFile:
    """An Arrow file, as earlier versions wrote them."""

    def __init__(self, source: Any, path: Path | str) -> None:
        self._path = path
        with self._without_checksum():
            self._batches = pa.ipc.open_file(source)
            self.count = self._batches.num_record_batches

    def batch(self, index: int) -> pa.RecordBatch:
        if index >= self.count:
            raise CorruptStage(f"{self._path} is damaged")
        with self._without_checksum():
            batch = self._batches.get_batch(index)
            batch.validate(full=True)
            return batch

    @contextmanager
    def _without_checksum(self) -> Iterator[None]:
        """Raise CorruptStage for any error of Arrow's: damage may even show as a lack of memory."""
        try:
            yield
        except (pa.ArrowException, SystemError):
            raise CorruptStage(f"{self._path} is damaged") from None


class _Open:
    """An open file, and the number of bytes that were read since its memory was last released."""

    def __init__(self, path: Path | str) -> None:
        self._path, self._read = path, 0
        with self._reading():
            self._source = self._open()
            try:
                self._batches = self._batches_of(self._source)
            except BaseException:
                self._source.close()
                raise

    def _open(self) -> Any:
        return pa.OSFile(str(self._path), "rb")

    def _batches_of(self, source: Any) -> _Batches:
        is_earlier = source.read(len(_EARLIER)) == _EARLIER
        return _EarlierFile(source, self._path) if is_earlier else _File(source, self._path)

    def _reading(self) -> AbstractContextManager[None]:
        return reading(Path(self._path))

    @property
    def count(self) -> int:
        return self._batches.count

    def batch(self, index: int) -> pa.RecordBatch:
        with self._reading():
            batch = self._batches.batch(index)
        self._read += batch.get_total_buffer_size()
        if self._read >= FSYNC_BYTES:
            self._release()
            self._read = 0
        return batch

    def _release(self) -> None:
        drop_from_cache(self._source.fileno())

    def close(self) -> None:
        self._source.close()


class _OpenShared(_Open):
    """An open file of a folder that other machines see as well."""

    def __init__(self, shared: "SharedFolder", file: str) -> None:
        self._shared, self._file = shared, file
        super().__init__(f"{shared}/{file}")

    def _open(self) -> Any:
        return self._shared.open_ahead(self._file)

    def _batches_of(self, source: Any) -> _Batches:
        return _File(source, self._path)

    def _reading(self) -> AbstractContextManager[None]:
        return self._shared.reading(self._file)

    def _release(self) -> None:
        """Do nothing: a store elsewhere has no page cache here."""


class OpenFiles:
    """Files of a stage, of which the last few that were used stay open. Not for use from several threads at once.

    What is not in its folder is read from the shared one that it is an overlay of, if it is one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, _Open] = {}

    def batch(self, file: str, index: int) -> pa.RecordBatch:
        """Return a record batch of a file by its place. Raises CorruptStage if it is not as it was written."""
        return self._opened(file).batch(index)

    def batches(self, file: str) -> Iterator[pa.RecordBatch]:
        """Yield the record batches of a file in order. Raises CorruptStage as `batch` does."""
        for index in range(self._opened(file).count):
            yield self.batch(file, index)

    def _opened(self, file: str) -> _Open:
        if file not in self._open:
            self._open[file] = self._open_here_or_elsewhere(file)
            if len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
        return self._open[file]

    def _open_here_or_elsewhere(self, file: str) -> _Open:
        try:
            return _Open(self._directory / file)
        except CorruptStage:
            shared = None if (self._directory / file).exists() else shared_folder_of(self._directory)
            if shared is None:
                raise
        return _OpenShared(shared, file)

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()


def shared_folder_of(directory: Path) -> "SharedFolder | None":
    """Return the folder that a local one is an overlay of; None if it is none."""
    if not (directory / POINTER).exists():
        return None
    from connector.staging.storage.shared_folder import linked

    return linked(directory)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise CorruptStage if a file is missing or not readable by Arrow, ResumableError if it may be read later."""
    try:
        yield
    except pa.ArrowInvalid:
        raise CorruptStage(f"{path} is damaged") from None
    except OSError as error:
        # Arrow's own errors have no number.
        if error.errno is not None and error.errno not in _GONE:
            raise ResumableError(
                f"{path} cannot be read: {os.strerror(error.errno)}. Fix this, then run `connector resume`."
            ) from None
        fault = "is missing" if error.errno == errno.ENOENT else "cannot be read"
        raise CorruptStage(f"{path} {fault}") from None
