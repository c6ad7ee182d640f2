"""The rows of a table's snapshot, a data file at a time."""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import accumulate, pairwise
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connector.errors import FileRefused, SourceError
from connector.files.file_address import without_personal_partitions
from connector.files.file_errors import translate_errors
from connector.files.file_reader import Division, FileColumns, FilePart
from connector.files.file_store import FileInfo, FileStore
from connector.files.parquet_reader import BATCH_ROWS, open_parquet
from connector.files.scan_report import FileDigest, RangeReport, ScanReport, column_changes
from connector.files.tables.projection import Projection
from connector.files.tables.snapshot import DataFile, DeletedMask, Snapshot, TableColumn


class TableReader:
    """Implements `FileReader` for a table: its snapshot is the one file, and is read as it was when it was opened."""

    def __init__(self, snapshot: Snapshot, store: FileStore, report: ScanReport, stop: Event) -> None:
        self._snapshot, self._store = snapshot, store
        self._report, self._stop = report, stop

    def columns(self, file: FileInfo) -> FileColumns:  # noqa: ARG002
        """See `FileReader.columns`."""
        schema = pa.schema([(column.name, column.type) for column in self._snapshot.columns])
        return FileColumns(tuple(schema.names), schema)

    def differences(self, first: FileColumns, other: FileColumns) -> str:
        """See `FileReader.differences`: a table has no other one beside it."""
        return column_changes(first.names, other.names)

    def read(self, file: FileInfo) -> Generator[pa.RecordBatch, None, FileDigest]:
        """See `FileReader.read`."""
        for data_file in self._snapshot.files:
            yield from self._rows(data_file)
        return self._digest(file)

    def divide(self, file: FileInfo, parts: int) -> Division:  # noqa: ARG002
        """See `FileReader.divide`: between data files."""
        sizes = [data_file.size for data_file in self._snapshot.files]
        if len(sizes) <= 1:
            return Division(obstacle="it has one data file")
        edges = [0, *_edges(sizes, parts), len(sizes)]
        return Division([{"files": [first, end]} for first, end in pairwise(edges)])

    def read_part(self, file: FileInfo, part: FilePart) -> Iterator[pa.RecordBatch]:
        """See `FileReader.read_part`. The last part has the digest of the snapshot."""
        report = RangeReport(file.display_name)
        count = len(self._snapshot.files)
        first, end = part.get("files", (0, count))
        for data_file in self._snapshot.files[first:end]:
            for batch in self._rows(data_file):
                report.rows += batch.num_rows
                yield batch
        if end == count:
            report.file = self._digest(file)
        self._report.parts.append(report)

    def check_size(self, files: Sequence[FileInfo]) -> None:
        """See `FileReader.check_size`: any size will do."""

    def _digest(self, file: FileInfo) -> FileDigest:
        return FileDigest(file.display_name, file.size, self._snapshot.digest)

    def _rows(self, file: DataFile) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a data file that are not deleted."""
        name, columns = without_personal_partitions(file.name), self._read_columns(file)
        masks, first, row = [deleted.load() for deleted in file.deleted], 0, 1
        with self._open(file, name) as parquet:
            source = parquet.schema_arrow
            projection = Projection(columns, source, self._snapshot.format.keys(source), file.constants)
            for batch in parquet.iter_batches(BATCH_ROWS, use_threads=False):
                if self._stop.is_set():
                    raise SourceError(f"{name}: reading was stopped.")
                rows = self._kept_rows(masks, columns, projection.rows(batch), first)
                first += batch.num_rows
                if rows.num_rows:
                    self._report.lines.add(name, np.arange(row, row + rows.num_rows, dtype=np.int64))
                    row += rows.num_rows
                    yield rows

    def _read_columns(self, file: DataFile) -> list[TableColumn]:
        """Return the table's columns, then those that only say which rows are deleted."""
        keys = {column.key for column in self._snapshot.columns}
        more = {column.key: column for deleted in file.deleted for column in deleted.columns if column.key not in keys}
        return [*self._snapshot.columns, *more.values()]

    def _kept_rows(
        self, masks: Sequence[DeletedMask], columns: Sequence[TableColumn], rows: pa.RecordBatch, first: int
    ) -> pa.RecordBatch:
        """Return the rows that no mask says are deleted, with the columns of the table."""
        of_table = rows.select(list(range(len(self._snapshot.columns))))
        if not masks:
            return of_table
        values = {column.key: array for column, array in zip(columns, rows.columns, strict=True)}
        is_deleted = np.logical_or.reduce([mask(first, rows.num_rows, values) for mask in masks])
        return of_table.filter(pa.array(~is_deleted))

    def _open(self, file: DataFile, name: str) -> AbstractContextManager[pq.ParquetFile]:
        """Open a data file. Raises FileRefused if it is gone, or is no file of the table."""
        with translate_errors(name):
            try:
                handle = self._store.open(file.path)
            except FileNotFoundError:
                raise FileRefused(
                    f"{name} is missing, a data file of {self._snapshot.title} of the {self._snapshot.kind} table: it "
                    "was deleted, perhaps by a vacuum. Restore it, or write the table again."
                ) from None
        return open_parquet(handle, name)


def _edges(sizes: Sequence[int], parts: int) -> list[int]:
    """Return the numbers of the data files at which about equal parts begin, without the first."""
    ends = list(accumulate(sizes))
    targets = [ends[-1] * number // parts for number in range(1, parts)]
    found = {bisect_left(ends, target) + 1 for target in targets}
    return sorted(edge for edge in found if edge < len(sizes))
