"""The files of an orchestration as a source of rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import pyarrow as pa

from connector.config.file_format import FileFormat
from connector.errors import FileRefused, SourceError
from connector.files.file_address import is_parquet
from connector.files.file_reader import FileColumns, FileReader, digest_file
from connector.files.file_store import FileInfo, FileStore, find_files, open_store, stat_again
from connector.files.scan_report import FileInput, PreviousFile, ScanReport, SizeLimits, column_changes


class FileSource:
    """Files as a source, one after the other. The query text (`sql`) is ignored: the result is always all rows."""

    def __init__(self, store: FileStore, file_input: FileInput, limits: SizeLimits) -> None:
        self._store, self._input = store, file_input
        self._stop = Event()
        self._previous: PreviousFile | None = None
        self.reading = ScanReport()
        self._all_files = find_files(store, file_input.pattern, file_input.directory)
        self.files = self._all_files
        self._reader = self._reader_of(self._all_files, limits)

    def select(self, predicate: Callable[[FileInfo], bool]) -> None:
        """Skip the files for which the predicate is false."""
        self.files = [file for file in self.files if predicate(file)]

    def compare_with(self, previous: PreviousFile | None) -> None:
        """Note how the columns differ from those of the previous file."""
        self._previous = previous

    def digest(self, file: FileInfo) -> str:
        """Return the SHA-256 of a stored file, in hex. Raises SourceError."""
        return digest_file(self._store, file, self._stop).digest

    @contextmanager
    def execute(self, sql: str) -> Iterator["FileResult"]:  # noqa: ARG002
        """Yield the rows of all files. Raises FileRefused for files that cannot be read together, or SourceError."""
        self._reader.check_size(self.files)
        files = self.files or self._all_files[:1]
        columns = [self._reader.columns(file) for file in files]
        self._check_same_columns(files, columns)
        if self.files:
            self._note_changes(self.files[0], columns[0])
        yield FileResult(columns[0].schema, self._batches)

    def describe(self, sql: str) -> pa.Schema:
        """Return the columns of the files. Raises as `execute` does."""
        with self.execute(sql) as result:
            return result.schema

    def delimiters(self) -> list[tuple[str, str]]:
        """Return the display names of the files and their delimiters; none for files that have none."""
        columns = [(file.display_name, self._reader.columns(file).delimiter) for file in self.files]
        return [(name, delimiter) for name, delimiter in columns if delimiter is not None]

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._stop.set()

    def close(self) -> None:
        """See `Source.close`: the store is closed by whoever opened it."""

    def _reader_of(self, files: list[FileInfo], limits: SizeLimits) -> FileReader:
        """Return the reader of the files' one format. Raises FileRefused if they have several."""
        parquet = [file for file in files if is_parquet(file.path)]
        if not parquet:
            from connector.files.delimited_reader import DelimitedReader

            return DelimitedReader(self._store, self._input, limits, self.reading, self._stop)
        if other := next((file for file in files if file not in parquet), None):
            raise FileRefused(
                f"{other.display_name} is text and {parquet[0].display_name} is Parquet: read them by two "
                "orchestrations."
            )
        if self._input.format != FileFormat():
            raise FileRefused(f"{parquet[0].display_name} is Parquet: leave `format` out, which is for text.")
        from connector.files.parquet_reader import ParquetReader

        return ParquetReader(self._store, self.reading, self._stop)

    def _note_changes(self, file: FileInfo, columns: FileColumns) -> None:
        self.reading.columns = columns.names
        if self._previous and (changes := column_changes(self._previous.columns, columns.names)):
            is_conversions = self._input.format.is_conversions
            advice = "LiveRamp asks for a support case before the format of a feed changes"
            note = (
                f"{file.display_name}: the columns changed since {self._previous.name}, the last file sent (run "
                f"{self._previous.run_id}): {changes}. "
                f"{advice if is_conversions else 'Check that the data template still fits'}."
            )
            self.reading.changes.append(note)
            self.reading.notes.append(note)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            digest = yield from self._reader.read(file)
            self._check_unchanged(file, digest.size)
            self.reading.files.append(digest)

    def _check_unchanged(self, file: FileInfo, size: int) -> None:
        current = stat_again(self._store, file)
        if size != file.size or current.stamp != file.stamp:
            raise SourceError(
                f"{file.display_name} changed while it was read ({file.size:,} bytes at first, {current.size:,} now): "
                "nothing was sent. Run it again when the file is complete."
            )

    def _check_same_columns(self, files: list[FileInfo], columns: list[FileColumns]) -> None:
        for file, own in zip(files, columns, strict=True):
            if changes := self._reader.differences(columns[0], own):
                place = file.display_name if own.line is None else f"{file.display_name}:{own.line}"
                raise FileRefused(
                    f"{place}: the columns differ from those of {files[0].display_name}: {changes}. Read them by two "
                    "orchestrations, or give them the same columns."
                )


class FileResult:
    """See `Result`."""

    query_id = None

    def __init__(self, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self.schema = schema
        self.batches = batches


@contextmanager
def open_files(file_input: FileInput, limits: SizeLimits | None = None) -> Iterator[FileSource]:
    """Open a file input as a source. Raises ConfigurationError, FileRefused or SourceError."""
    with open_store(file_input.pattern, file_input.directory) as store:
        yield FileSource(store, file_input, limits or SizeLimits())
