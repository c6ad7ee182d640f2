"""How the files of one format are read; each format is a module of its own."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import pyarrow as pa

from connector.files.file_store import FileInfo, FileStore
from connector.files.scan_report import FileDigest
from connector.files.text_reader import DigestingReader


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of one file."""

    names: tuple[str, ...]
    """Their names, in order."""
    schema: pa.Schema
    """The columns of the rows that are read of it."""
    line: int | None = None
    """The line that names them; None in a format without lines."""
    delimiter: str | None = None
    """The character between values; None in a format without one."""


FilePart = Mapping[str, Any]
"""A JSON object that says which rows of a file a part has; an empty one means all of them."""


@dataclass(frozen=True, slots=True)
class Division:
    """The parts of a file, in order."""

    parts: Sequence[FilePart] = ({},)
    obstacle: str | None = None
    """Why the file is one part; None if it is divided."""


class FileReader(Protocol):
    """Reads files of one format, and adds to the `ScanReport` what it learns of them."""

    def columns(self, file: FileInfo) -> FileColumns:
        """Return the columns of a file. Raises FileRefused for a file that is not of the format, SourceError."""

    def read(self, file: FileInfo) -> Generator[pa.RecordBatch, None, FileDigest]:
        """Yield the rows of a file, and return its digest. Raises as `columns` does."""

    def divide(self, file: FileInfo, parts: int) -> "Division":
        """Divide a file into about so many parts. Raises as `columns` does."""

    def read_part(self, file: FileInfo, part: FilePart) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a part, and add to the report's `parts` what is learned. Raises as `columns` does."""

    def differences(self, first: FileColumns, other: FileColumns) -> str:
        """Describe how the columns of two files differ; an empty text if they do not."""

    def check_size(self, files: Sequence[FileInfo]) -> None:
        """Raise FileRefused for a file that is larger than its format allows, before any is opened."""


def digest_file(store: FileStore, file: FileInfo, stop: Event) -> FileDigest:
    """Return the SHA-256 of a stored file, which is read to its end. Raises SourceError."""
    with closing(store.open(file.path)) as handle:
        raw_file = DigestingReader(handle, file.display_name, stop)
        while raw_file.read():
            pass
    return FileDigest(file.display_name, raw_file.size, raw_file.digest)
