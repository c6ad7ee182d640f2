"""Manifests of Iceberg tables, read by pyiceberg through the store of the table."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.manifest import ManifestEntry, read_manifest_list

if TYPE_CHECKING:
    from connector.files.tables.iceberg import IcebergTable


def entries(table: "IcebergTable", manifest_list: str) -> Iterator[ManifestEntry]:
    """Yield the entries of all files that a snapshot has: those with deleted rows, then those with rows."""
    files = _TableFiles(table)
    manifests = read_manifest_list(files.new_input(manifest_list))
    for manifest in sorted(manifests, key=lambda one: -one.content):
        yield from manifest.fetch_manifest_entry(files, discard_deleted=True)


class _TableFiles(FileIO):
    """The files of a table as pyiceberg asks for them; nothing is written."""

    def __init__(self, table: "IcebergTable") -> None:
        super().__init__()
        self._table = table

    def new_input(self, location: str) -> InputFile:
        return _TableFile(self._table, location)

    def new_output(self, location: str) -> OutputFile:
        raise NotImplementedError

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise NotImplementedError


class _TableFile(InputFile):
    """A file that is read whole: manifests are of some megabytes."""

    def __init__(self, table: "IcebergTable", location: str) -> None:
        super().__init__(location)
        self._table = table

    def __len__(self) -> int:
        return len(self._table.read(self.location))

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002
        return io.BytesIO(self._table.read(self.location))
