"""A snapshot of a table: its columns, and the data files that make up its rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.errors import FileRefused

Mask = npt.NDArray[np.bool_]
ColumnKey = int | str
"""Identifies a column in data files: by its number, or by its name there."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table, or a field within one."""

    name: str
    key: ColumnKey
    type: pa.DataType
    children: tuple["TableColumn", ...] = ()
    """The fields of a structure, the element of a list, or key and value of a map."""
    default: Any = None
    """The value of rows in data files that are older than the column."""


class KeyReader(Protocol):
    """Reads the keys of the columns of a data file."""

    def key(self, column: pa.Field) -> ColumnKey | None:
        """Return the key of a column; None if it belongs to no column of the table."""

    def below(self, column: pa.Field, role: str = "") -> "KeyReader":
        """Return the reader for the fields of a column; `role` is `element`, `key` or `value` of a list or map."""


class KeysByName:
    """Implements `KeyReader` for data files whose columns are identified by name."""

    def key(self, column: pa.Field) -> ColumnKey | None:
        """See `KeyReader.key`."""
        return str(column.name)

    def below(self, column: pa.Field, role: str = "") -> KeyReader:  # noqa: ARG002
        """See `KeyReader.below`."""
        return self


class KeysByNumber:
    """Implements `KeyReader` for data files whose columns are identified by the number of their field."""

    def key(self, column: pa.Field) -> ColumnKey | None:
        """See `KeyReader.key`."""
        number = (column.metadata or {}).get(b"PARQUET:field_id")
        return None if number is None else int(number)

    def below(self, column: pa.Field, role: str = "") -> KeyReader:  # noqa: ARG002
        """See `KeyReader.below`."""
        return self


DeletedMask = Callable[[int, int, Mapping[ColumnKey, pa.Array]], Mask]
"""Returns which rows are deleted: given the number of the first one in its file, from 0, how many rows there are, and
their values of the columns."""


class DeletedRows(Protocol):
    """The rows of one data file that are deleted in the snapshot."""

    columns: Sequence[TableColumn]
    """The columns that have to be read to know them."""

    def load(self) -> DeletedMask:
        """Read which rows these are. Raises FileRefused, SourceError."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a snapshot."""

    path: str
    """The path or address by which the store opens it."""
    name: str
    """The path for messages, from the folder of the table on."""
    size: int
    """In bytes."""
    constants: Mapping[ColumnKey, Any] = field(default_factory=dict)
    """The values of partition columns, which the file itself need not have."""
    deleted: Sequence[DeletedRows] = ()


class TableFormat(Protocol):
    """How the data files of a snapshot are read."""

    def keys(self, schema: pa.Schema) -> KeyReader:
        """Return the reader of a data file's keys. Raises FileRefused for a file without any."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table as it is in one version."""

    kind: str
    """Delta or Iceberg."""
    table_id: str
    version: str
    """Identifies the snapshot in the table."""
    title: str
    """The version for messages, such as `version 12`."""
    columns: Sequence[TableColumn]
    files: Sequence[DataFile]
    format: TableFormat

    @property
    def size(self) -> int:
        """The bytes of all data files."""
        return sum(file.size for file in self.files)

    @property
    def stamp(self) -> str:
        """A text that is different for every snapshot of every table."""
        return f"{self.table_id}@{self.version}"

    @property
    def digest(self) -> str:
        """A SHA-256 in hex that stands for the content, as that of a file does."""
        return sha256(f"{self.kind} {self.stamp}".encode()).hexdigest()


def unsupported_type(table: str, column: str, kind: str) -> FileRefused:
    """Return the error for a column whose type is not read."""
    return FileRefused(
        f'{table}: the column "{column[:60]}" holds values of type {kind[:60]}, which are not read: write it as text, '
        "or leave it out of a copy of the table."
    )
