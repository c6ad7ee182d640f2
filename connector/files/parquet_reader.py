"""The rows of Parquet files, with the columns that their folders name."""

import io
from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import accumulate, pairwise
from threading import Event
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connector.catalogue import column_name
from connector.errors import ConnectorError, FileRefused, SourceError
from connector.files.file_address import Partitions
from connector.files.file_errors import translate_errors
from connector.files.file_reader import Division, FileColumns, FilePart, digest_file
from connector.files.file_store import FileInfo, FileStore
from connector.files.scan_report import FileDigest, RangeReport, ScanReport, column_changes

BATCH_ROWS = 65_536


class ParquetReader:
    """Implements `FileReader` for Parquet: a row group at a time, each value with its own type.

    A folder `day=2026-11-30` on the way to a file is a column `day` of its rows, as text, unless the file has it.
    """

    def __init__(self, store: FileStore, report: ScanReport, stop: Event) -> None:
        self._store, self._report, self._stop = store, report, stop

    def columns(self, file: FileInfo) -> FileColumns:
        """See `FileReader.columns`."""
        with self._open(file) as parquet:
            fields = list(parquet.schema_arrow)
        for field in fields:
            _check_type(field, file.display_name)
        schema = pa.schema([field.with_type(_read_as(field.type)).remove_metadata() for field in fields])
        for name, _ in _new_columns(schema, file.partitions):
            schema = schema.append(pa.field(name, pa.string()))
        return FileColumns(tuple(schema.names), schema)

    def differences(self, first: FileColumns, other: FileColumns) -> str:
        """See `FileReader.differences`: names, their order and types."""
        if changes := column_changes(first.names, other.names):
            return changes
        pairs = zip(first.schema, other.schema, strict=True)
        return "; ".join(
            f'the type of "{one.name[:60]}" is {now.type} in place of {one.type}'
            for one, now in pairs
            if one.type != now.type
        )

    def read(self, file: FileInfo) -> Generator[pa.RecordBatch, None, FileDigest]:
        """See `FileReader.read`."""
        yield from self._rows(file, None, 1)
        return digest_file(self._store, file, self._stop)

    def divide(self, file: FileInfo, parts: int) -> Division:
        """See `FileReader.divide`: into row groups."""
        with self._open(file) as parquet:
            groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
            rows, sizes = [group.num_rows for group in groups], [group.total_byte_size for group in groups]
        if len(groups) <= 1:
            return Division(obstacle="it has one row group")
        edges = [0, *_edges(sizes, parts), len(groups)]
        return Division([{"groups": [first, end], "row": sum(rows[:first]) + 1} for first, end in pairwise(edges)])

    def read_part(self, file: FileInfo, part: FilePart) -> Iterator[pa.RecordBatch]:
        """See `FileReader.read_part`. The last part of a file has its digest."""
        report = RangeReport(file.display_name)
        first, end = part.get("groups", (0, None))
        with self._open(file) as parquet:
            is_last = end in {None, parquet.num_row_groups}
        for batch in self._rows(file, None if end is None else range(first, end), part.get("row", 1)):
            report.rows += batch.num_rows
            yield batch
        if is_last:
            report.file = digest_file(self._store, file, self._stop)
        self._report.parts.append(report)

    def _rows(self, file: FileInfo, groups: range | None, first: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of row groups, all if there are none; `first` is the number of the first row."""
        with self._open(file) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups and list(groups), use_threads=False):
                if self._stop.is_set():
                    raise SourceError(f"{file.display_name}: reading was stopped.")
                self._report.lines.add(file.display_name, np.arange(first, first + batch.num_rows, dtype=np.int64))
                first += batch.num_rows
                yield _with_partitions(_converted(batch), file.partitions)

    def check_size(self, files: Sequence[FileInfo]) -> None:
        """See `FileReader.check_size`: any size will do."""

    def _open(self, file: FileInfo) -> AbstractContextManager[pq.ParquetFile]:
        with translate_errors(file.display_name):
            return open_parquet(self._store.open(file.path), file.display_name)


@contextmanager
def open_parquet(handle: IO[bytes], name: str) -> Iterator[pq.ParquetFile]:
    """Open a file, and close it; what it holds is damaged if anything but the store fails.

    Raises FileRefused, SourceError.
    """
    with closing(handle):
        try:
            # Times as Spark writes them are of nanoseconds, which end in 2262; the tables of others end later.
            stored = pa.PythonFile(_Stored(handle, name), mode="r")
            yield pq.ParquetFile(stored, pre_buffer=False, coerce_int96_timestamp_unit="us")
        except ConnectorError:
            raise
        except (pa.ArrowException, OSError):
            raise FileRefused(f"{name} is no Parquet file, is encrypted, or is damaged: write it again.") from None


class _Stored(io.RawIOBase):
    """The stored bytes, so that a store that fails is told from a file that is damaged."""

    def __init__(self, handle: IO[bytes], display_name: str) -> None:
        self._handle, self._display_name = handle, display_name

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes. Raises SourceError."""
        with translate_errors(self._display_name):
            return self._handle.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        return self._handle.tell()


def _read_as(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is read: the transform does not know half floats."""
    return pa.float32() if pa.types.is_float16(kind) else kind


def _check_type(field: pa.Field, name: str) -> None:
    """Raise FileRefused for a type that cannot be read exactly."""
    inner = [_read_as(field.type)]
    while inner:
        kind = inner.pop()
        inner += [kind.field(place).type for place in range(kind.num_fields)]
        if pa.types.is_decimal256(kind) or pa.types.is_float16(kind):
            raise FileRefused(
                f'{name}: the column "{field.name[:60]}" holds values of type {kind}, which are not read: write it as '
                "DECIMAL of up to 38 digits, as DOUBLE or as text."
            )


def _converted(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.cast(_read_as(column.type)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _new_columns(schema: pa.Schema, named: Partitions) -> Partitions:
    """Return the columns of folders that a file does not have itself, in any case of letters."""
    names = {column_name(name).lower() for name in schema.names}
    return tuple((name, value) for name, value in named if column_name(name).lower() not in names)


def _with_partitions(batch: pa.RecordBatch, named: Partitions) -> pa.RecordBatch:
    for name, value in _new_columns(batch.schema, named):
        batch = batch.append_column(name, pa.array([value] * batch.num_rows, pa.string()))
    return batch


def _edges(sizes: Sequence[int], parts: int) -> list[int]:
    """Return the numbers of the row groups at which about equal parts begin, without the first."""
    ends = list(accumulate(sizes))
    targets = [ends[-1] * number // parts for number in range(1, parts)]
    found = {bisect_left(ends, target) + 1 for target in targets}
    return sorted(edge for edge in found if edge < len(sizes))
