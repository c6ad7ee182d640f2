"""The files of an orchestration as a source of rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

import pyarrow as pa

from connector.config.file_format import FileFormat
from connector.errors import ConfigurationError, FileRefused, SourceError
from connector.files.file_address import is_parquet, may_be_table
from connector.files.file_reader import FileColumns, FilePart, FileReader, digest_file
from connector.files.file_store import FileInfo, FileStore, find_files, open_store, stat_again
from connector.files.scan_report import FileInput, PreviousFile, ScanReport, SizeLimits, column_changes

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace, SplitPlan


class FileSource:
    """Files as a source, one after the other. The query text (`sql`) is ignored: the result is always all rows."""

    def __init__(
        self, store: FileStore, file_input: FileInput, limits: SizeLimits, files: list[FileInfo] | None = None
    ) -> None:
        self._store, self._input = store, file_input
        self._stop = Event()
        self._previous: PreviousFile | None = None
        self.reading = ScanReport()
        self._all_files = find_files(store, file_input.pattern, file_input.directory) if files is None else files
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

    @contextmanager
    def splits(self, sql: str, wanted: int, split_by: str | None, smallest: int | None = None) -> Iterator["SplitPlan"]:
        """Divide the files that `execute` would read into about `wanted` splits of at least `smallest` bytes.

        Text is divided at ends of lines, Parquet between row groups. Without files there are no splits. Raises as
        `execute` does, and ConfigurationError for a column to split by.
        """
        from connector.files.file_splits import SMALLEST_BYTES, divide_files

        if split_by is not None:
            raise ConfigurationError("split_by is for queries: leave it out, files are divided without it.")
        with self.execute(sql):
            directory, smallest = self._input.directory, SMALLEST_BYTES if smallest is None else smallest
            plan = divide_files(self.files, self._reader, directory, max(1, wanted), smallest)
        for file in self.files:
            self._check_unchanged(file, file.size)
        yield plan

    def can_read(self, sql: str, places: "Sequence[SplitPlace]") -> bool:
        """See `KeepsSplits.can_read`. Raises as `execute` does."""
        from connector.files.file_splits import are_places_of

        with self.execute(sql):
            return are_places_of(self.files, self._input.directory, places)

    @contextmanager
    def execute_split(self, sql: str, place: "SplitPlace") -> Iterator["FileResult"]:  # noqa: ARG002
        """Yield the rows of one split. What is learned meanwhile is in `reading`, for `split_summary.summarize`.

        Raises SourceError if the files changed since they were divided, or as `execute` does.
        """
        from connector.files.file_splits import parts_at

        parts = parts_at(place, self.files, self._input.directory)
        columns = self._reader.columns(parts[0][0])
        yield FileResult(columns.schema, partial(self._part_batches, parts))

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
        if (
            self._previous
            and not self.reading.changes
            and (changes := column_changes(self._previous.columns, columns.names))
        ):
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

    def _part_batches(self, parts: list[tuple[FileInfo, FilePart]]) -> Iterator[pa.RecordBatch]:
        for file, part in parts:
            yield from self._reader.read_part(file, part)
            self._check_unchanged(file, file.size)

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
def open_files(
    file_input: FileInput, limits: SizeLimits | None = None, place: "SplitPlace | None" = None
) -> Iterator[FileSource]:
    """Open a file input as a source, with only the files of a split if its place is given.

    Raises ConfigurationError, FileRefused or SourceError.
    """
    with open_store(file_input.pattern, file_input.directory, file_input.format) as store:
        if file_input.format.is_table or may_be_table(file_input.pattern):
            from connector.files.tables.table_source import open_table

            if table := open_table(store, file_input, place):
                yield table
                return
        files = None if place is None else _files_at(store, file_input, place)
        yield FileSource(store, file_input, limits or SizeLimits(), files)


def _files_at(store: FileStore, file_input: FileInput, place: "SplitPlace") -> list[FileInfo]:
    from connector.files.file_splits import path_digest

    digests, directory = {entry["path"] for entry in place["files"]}, file_input.directory
    return find_files(store, file_input.pattern, directory, select=lambda path: path_digest(path, directory) in digests)
