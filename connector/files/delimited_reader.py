"""The rows of delimited files."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event

import pyarrow as pa

from connector.catalogue.conversions import COLUMNS
from connector.errors import FileRefused
from connector.files.conversions_checks import ConversionsChecks, check_columns, is_instruction_row, with_all_columns
from connector.files.file_address import is_packed
from connector.files.file_errors import translate_errors
from connector.files.file_reader import FileColumns
from connector.files.file_store import FileInfo, FileStore
from connector.files.header import Header, read_header
from connector.files.repeated_headers import RepeatedHeaders
from connector.files.row_parser import RowParser
from connector.files.scan_report import FileDigest, FileInput, ScanReport, SizeLimits, column_changes
from connector.files.text_reader import DigestingReader, TextReader


class DelimitedReader:
    """Implements `FileReader` for delimited files. All values are text."""

    def __init__(
        self, store: FileStore, file_input: FileInput, limits: SizeLimits, report: ScanReport, stop: Event
    ) -> None:
        self._store, self._format, self._limits = store, file_input.format, limits
        self._report, self._stop = report, stop

    def columns(self, file: FileInfo) -> FileColumns:
        """See `FileReader.columns`."""
        with self._open_text(file) as (_, text):
            header = self._parse_header(file, text)
        names = COLUMNS if self._format.is_conversions else header.names
        schema = pa.schema([(name, pa.string()) for name in names])
        return FileColumns(header.names, schema, header.line, header.delimiter)

    def differences(self, first: FileColumns, other: FileColumns) -> str:
        """See `FileReader.differences`: names and their order."""
        return column_changes(first.names, other.names)

    def read(self, file: FileInfo) -> Generator[pa.RecordBatch, None, FileDigest]:
        """See `FileReader.read`."""
        with self._open_text(file) as (raw_file, text):
            yield from self._rows(file, text)
        return FileDigest(file.display_name, raw_file.size, raw_file.digest)

    def check_size(self, files: Sequence[FileInfo]) -> None:
        """See `FileReader.check_size`."""
        for file in files:
            self._check_size(file, 0, 0 if is_packed(file.path) else file.size)

    def _parse_header(self, file: FileInfo, text: TextReader) -> Header:
        header = read_header(text, file.path, file.display_name, self._format)
        if self._format.is_conversions:
            check_columns(header.names, file.display_name)
        return header

    @contextmanager
    def _open_text(self, file: FileInfo) -> Iterator[tuple[DigestingReader, TextReader]]:
        with translate_errors(file.display_name):
            handle = self._store.open(file.path)
        with closing(handle):
            raw_file = DigestingReader(handle, file.display_name, self._stop)
            yield raw_file, TextReader(raw_file, file.display_name, compressed=is_packed(file.path))

    def _rows(self, file: FileInfo, text: TextReader) -> Iterator[pa.RecordBatch]:
        name, problems = file.display_name, self._report.problems
        header = self._parse_header(file, text)
        rows = RowParser(text, header, name, problems)
        repeated_headers = RepeatedHeaders(header, name, problems)
        checks = ConversionsChecks(name, problems, self._format.transaction_category)
        count = 0
        for batch, lines in rows.batches():
            batch, lines = repeated_headers.remove(batch, lines)  # noqa: PLW2901
            if self._format.is_conversions:
                if not count and batch.num_rows and is_instruction_row(with_all_columns(batch)):
                    batch, lines = batch.slice(1), lines[1:]  # noqa: PLW2901
                    self._report.notes.append(f"{name}:2: the template's row of instructions is skipped.")
                checks.check(batch, lines)
                batch = with_all_columns(batch)  # noqa: PLW2901
            count += batch.num_rows
            self._check_size(file, count, text.size)
            self._report.lines.add(name, lines)
            yield batch
        if note := repeated_headers.note():
            self._report.notes.append(note)

    def _check_size(self, file: FileInfo, rows: int, size: int) -> None:
        if self._format.is_conversions and (rows > self._limits.rows or size > self._limits.size):
            raise FileRefused(
                f"{file.display_name} is larger than a file of the program may be: {self._limits.rows:,} rows, and "
                f"{self._limits.size:,} bytes uncompressed."
            )
