"""Deleted rows of Iceberg tables: by their numbers in a data file, or by the values of columns."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.errors import FileRefused
from connector.files.file_errors import translate_errors
from connector.files.parquet_reader import open_parquet
from connector.files.tables.projection import Projection
from connector.files.tables.row_keys import RowKeys
from connector.files.tables.snapshot import ColumnKey, DeletedMask, DeletedRows, Mask, TableColumn

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile as Entry

    from connector.files.tables.iceberg import IcebergTable

_BY_VALUE = 2
"""The content of a file with values of deleted rows, as a manifest numbers it."""

_PATH_FIELD = 2147483546
"""The number of the field with paths in files of deleted rows. Source: Iceberg's specification, reserved field ids."""


class DeleteFiles:
    """The files of a snapshot that say which rows are deleted, and the data files to which each applies."""

    def __init__(self, table: "IcebergTable") -> None:
        self._table = table
        self._by_path: dict[str, list[tuple[int, Entry]]] = defaultdict(list)
        self._by_partition: dict[Any, list[tuple[int, Entry]]] = defaultdict(list)
        self._by_value: dict[Any, list[tuple[int, Entry]]] = defaultdict(list)
        self._values: dict[tuple[str, ...], DeletedValues] = {}

    def add(self, sequence: int, file: "Entry") -> None:
        """Add a file with deleted rows, and the sequence number of the commit that wrote it."""
        if file.content == _BY_VALUE:
            # Without a partition, values are deleted in all of them.
            self._by_value[_partition(file) if len(file.partition) else None].append((sequence, file))
        elif path := _only_path(file):
            self._by_path[path].append((sequence, file))
        else:
            self._by_partition[_partition(file)].append((sequence, file))

    def of(self, sequence: int, file: "Entry") -> tuple[DeletedRows, ...]:
        """Return the deleted rows of a data file that a commit of this sequence number wrote."""
        candidates = [*self._by_path.get(file.file_path, ()), *self._by_partition.get(_partition(file), ())]
        by_number = [entry for number, entry in candidates if number >= sequence and _may_name(entry, file.file_path)]
        of_values = [*self._by_value.get(None, ()), *self._by_value.get(_partition(file), ())]
        by_value = [entry for number, entry in of_values if number > sequence]
        numbers = (DeletedNumbers(self._table, by_number, file.file_path),) if by_number else ()
        return (*numbers, *self._deleted_values(by_value))

    def _deleted_values(self, files: Sequence["Entry"]) -> Iterator["DeletedValues"]:
        by_columns: dict[tuple[int, ...], list[Entry]] = defaultdict(list)
        for file in files:
            by_columns[tuple(sorted(file.equality_ids or ()))].append(file)
        for numbers, group in by_columns.items():
            key = tuple(file.file_path for file in group)
            if key not in self._values:
                self._values[key] = DeletedValues(self._table, group, numbers)
            yield self._values[key]


def _partition(file: "Entry") -> tuple[int, tuple[Any, ...]]:
    return file.spec_id, tuple(file.partition[number] for number in range(len(file.partition)))


def _bound(bounds: Mapping[int, bytes] | None) -> bytes | None:
    return (bounds or {}).get(_PATH_FIELD)


def _only_path(file: "Entry") -> str | None:
    """Return the one data file that a file of deleted rows names, if it says so."""
    lower, upper = _bound(file.lower_bounds), _bound(file.upper_bounds)
    return lower.decode() if lower is not None and lower == upper else None


def _may_name(file: "Entry", path: str) -> bool:
    """Test by the bounds of the paths in a file of deleted rows; they may be cut."""
    lower, upper, name = _bound(file.lower_bounds), _bound(file.upper_bounds), path.encode()
    return (lower is None or lower <= name) and (upper is None or name[: len(upper)] <= upper)


class DeletedNumbers:
    """Implements `DeletedRows` for rows that are deleted by their numbers."""

    columns: Sequence[TableColumn] = ()

    def __init__(self, table: "IcebergTable", files: Sequence["Entry"], path: str) -> None:
        self._table, self._files, self._path = table, files, path

    def load(self) -> DeletedMask:
        """See `DeletedRows.load`."""
        numbers = np.sort(np.concatenate([*map(self._read, self._files)]))

        def mask(first: int, count: int, values: Mapping[ColumnKey, pa.Array]) -> Mask:  # noqa: ARG001
            start, end = np.searchsorted(numbers, [first, first + count])
            deleted = np.zeros(count, np.bool_)
            deleted[numbers[start:end] - first] = True
            return deleted

        return mask

    def _read(self, file: "Entry") -> npt.NDArray[np.int64]:
        if file.file_format.value == "PUFFIN":
            return self._read_vectors(file)
        parts = [np.empty(0, np.int64)]
        with _opened(self._table, file) as parquet:
            for batch in parquet.iter_batches(columns=["file_path", "pos"], use_threads=False):
                is_own = pc.equal(batch["file_path"], self._path)
                parts.append(batch["pos"].filter(is_own).to_numpy(zero_copy_only=False))
        return np.concatenate(parts)

    def _read_vectors(self, file: "Entry") -> npt.NDArray[np.int64]:
        from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
        from pyiceberg.table.puffin import PuffinFile

        try:
            vectors = deletion_vectors_from_puffin_file(PuffinFile(self._table.read(file.file_path)))
            numbers = [one.to_vector().to_numpy() for one in vectors if one.referenced_data_file == self._path]
        except (ValueError, KeyError, IndexError):
            raise FileRefused(
                f"{self._table.name} has deletion vectors that are damaged: write the table again."
            ) from None
        return np.concatenate([np.empty(0, np.int64), *numbers]).astype(np.int64)


class DeletedValues:
    """Implements `DeletedRows` for rows that are deleted by the values of some columns."""

    def __init__(self, table: "IcebergTable", files: Sequence["Entry"], numbers: Sequence[int]) -> None:
        self._table, self._files = table, files
        self.columns: Sequence[TableColumn] = [table.column(number) for number in numbers]

    def load(self) -> DeletedMask:
        """See `DeletedRows.load`. Many data files have the same deleted values, which are read once."""
        return self._mask

    def _mask(self, first: int, count: int, values: Mapping[ColumnKey, pa.Array]) -> Mask:  # noqa: ARG002
        return self._keys.contain([values[column.key] for column in self.columns])

    @cached_property
    def _keys(self) -> RowKeys:
        schema = pa.schema([(column.name, column.type) for column in self.columns])
        return RowKeys(pa.Table.from_batches([batch for file in self._files for batch in self._read(file)], schema))

    def _read(self, file: "Entry") -> Iterator[pa.RecordBatch]:
        with _opened(self._table, file) as parquet:
            source = parquet.schema_arrow
            projection = Projection(self.columns, source, self._table.keys(source), {})
            for batch in parquet.iter_batches(use_threads=False):
                yield projection.rows(batch)


def _opened(table: "IcebergTable", file: "Entry") -> Any:
    """Open a Parquet file of deleted rows."""
    name = f"{table.name}, a file of deleted rows"
    with translate_errors(name):
        return open_parquet(table.store.open(table.address(file.file_path)), name)
