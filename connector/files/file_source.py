"""The files of an orchestration as a source of rows."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event

import pyarrow as pa

from connector.catalogue.conversions import COLUMNS
from connector.errors import FileRefused, SourceError
from connector.files.conversions_checks import ConversionsChecks, check_columns, is_instruction_row, with_all_columns
from connector.files.file_address import is_packed
from connector.files.file_errors import translate_errors
from connector.files.file_store import FileInfo, FileStore, find_files, open_store, stat_again
from connector.files.header import Header, read_header
from connector.files.repeated_headers import RepeatedHeaders
from connector.files.row_parser import RowParser
from connector.files.scan_report import FileDigest, FileInput, PreviousFile, ScanReport, SizeLimits, column_changes
from connector.files.text_reader import DigestingReader, TextReader


class FileSource:
    """Files as a source, one after the other. The query text (`sql`) is ignored: the result is always all rows."""

    def __init__(self, store: FileStore, file_input: FileInput, limits: SizeLimits) -> None:
        self._store, self._input, self._limits = store, file_input, limits
        self._stop = Event()
        self._previous: PreviousFile | None = None
        self.reading = ScanReport()
        self._all_files = find_files(store, file_input.pattern, file_input.directory)
        self.files = self._all_files

    def select(self, predicate: Callable[[FileInfo], bool]) -> None:
        """Skip the files for which the predicate is false."""
        self.files = [file for file in self.files if predicate(file)]

    def compare_with(self, previous: PreviousFile | None) -> None:
        """Note how the columns differ from those of the previous file."""
        self._previous = previous

    def digest(self, file: FileInfo) -> str:
        """Return the SHA-256 of a stored file, in hex. Raises SourceError."""
        with closing(self._store.open(file.path)) as handle:
            raw_file = DigestingReader(handle, file.display_name, self._stop)
            while raw_file.read():
                pass
        return raw_file.digest

    @contextmanager
    def execute(self, sql: str) -> Iterator["FileResult"]:  # noqa: ARG002
        """Yield the rows of all files. Raises FileRefused for an invalid header line, or SourceError."""
        for file in self.files:
            self._check_size(file, 0, 0 if is_packed(file.path) else file.size)
        files = self.files or self._all_files[:1]
        headers = [self._open_header(file) for file in files]
        _check_same_columns(files, headers)
        if self.files:
            self._note_changes(self.files[0], headers[0])
        yield FileResult(self.schema(headers[0].names), self._batches)

    def describe(self, sql: str) -> pa.Schema:
        """Return the columns of the files. Raises as `execute` does."""
        with self.execute(sql) as result:
            return result.schema

    def delimiters(self) -> list[tuple[str, str]]:
        """Return the display names of the files and their delimiters."""
        return [(file.display_name, self._open_header(file).delimiter) for file in self.files]

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._stop.set()

    def close(self) -> None:
        """See `Source.close`: the store is closed by whoever opened it."""

    def schema(self, names: tuple[str, ...]) -> pa.Schema:
        """Return the schema: all columns of the program for a conversions file, else the file's own. All are text."""
        return pa.schema([(name, pa.string()) for name in (COLUMNS if self._is_conversions else names)])

    @property
    def _is_conversions(self) -> bool:
        return self._input.format.is_conversions

    def _note_changes(self, file: FileInfo, header: Header) -> None:
        self.reading.columns = header.names
        if self._previous and (changes := column_changes(self._previous.columns, header.names)):
            advice = "LiveRamp asks for a support case before the format of a feed changes"
            note = (
                f"{file.display_name}: the columns changed since {self._previous.name}, the last file sent (run "
                f"{self._previous.run_id}): {changes}. "
                f"{advice if self._is_conversions else 'Check that the data template still fits'}."
            )
            self.reading.changes.append(note)
            self.reading.notes.append(note)

    def _open_header(self, file: FileInfo) -> Header:
        with self._open_text(file) as (_, text):
            return self._parse_header(file, text)

    def _parse_header(self, file: FileInfo, text: TextReader) -> Header:
        header = read_header(text, file.path, file.display_name, self._input.format)
        if self._is_conversions:
            check_columns(header.names, file.display_name)
        return header

    @contextmanager
    def _open_text(self, file: FileInfo) -> Iterator[tuple[DigestingReader, TextReader]]:
        with translate_errors(file.display_name):
            handle = self._store.open(file.path)
        with closing(handle):
            raw_file = DigestingReader(handle, file.display_name, self._stop)
            yield raw_file, TextReader(raw_file, file.display_name, compressed=is_packed(file.path))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            with self._open_text(file) as (raw_file, text):
                yield from self._read_file(file, text)
                self._check_unchanged(file, raw_file)
            self.reading.files.append(FileDigest(file.display_name, raw_file.size, raw_file.digest))

    def _read_file(self, file: FileInfo, text: TextReader) -> Iterator[pa.RecordBatch]:
        header = self._parse_header(file, text)
        rows = RowParser(text, header, file.display_name, self.reading.problems)
        repeated_headers = RepeatedHeaders(header, file.display_name, self.reading.problems)
        checks = ConversionsChecks(file.display_name, self.reading.problems, self._input.format.transaction_category)
        count = 0
        for batch, lines in rows.batches():
            batch, lines = repeated_headers.remove(batch, lines)  # noqa: PLW2901
            if self._is_conversions:
                if not count and batch.num_rows and is_instruction_row(with_all_columns(batch)):
                    batch, lines = batch.slice(1), lines[1:]  # noqa: PLW2901
                    self.reading.notes.append(f"{file.display_name}:2: the template's row of instructions is skipped.")
                checks.check(batch, lines)
                batch = with_all_columns(batch)  # noqa: PLW2901
            count += batch.num_rows
            self._check_size(file, count, text.size)
            self.reading.lines.add(file.display_name, lines)
            yield batch
        if note := repeated_headers.note():
            self.reading.notes.append(note)

    def _check_size(self, file: FileInfo, rows: int, size: int) -> None:
        if self._is_conversions and (rows > self._limits.rows or size > self._limits.size):
            raise FileRefused(
                f"{file.display_name} is larger than a file of the program may be: {self._limits.rows:,} rows, and "
                f"{self._limits.size:,} bytes uncompressed."
            )

    def _check_unchanged(self, file: FileInfo, raw_file: DigestingReader) -> None:
        current = stat_again(self._store, file)
        if raw_file.size != file.size or current.stamp != file.stamp:
            raise SourceError(
                f"{file.display_name} changed while it was read ({file.size:,} bytes at first, {current.size:,} now): "
                "nothing was sent. Run it again when the file is complete."
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


def _check_same_columns(files: list[FileInfo], headers: list[Header]) -> None:
    for file, header in zip(files, headers, strict=True):
        if changes := column_changes(headers[0].names, header.names):
            raise FileRefused(
                f"{file.display_name}:{header.line}: the columns differ from those of {files[0].display_name}: "
                f"{changes}. Read them by two orchestrations, or give them the same columns."
            )
