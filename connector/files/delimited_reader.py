"""The rows of delimited files."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from connector.catalogue.conversions import COLUMNS
from connector.files.conversions_checks import ConversionsChecks, check_columns, is_instruction_row, with_all_columns
from connector.files.file_address import is_packed
from connector.files.file_errors import translate_errors
from connector.files.file_reader import Division, FileColumns, FilePart
from connector.files.file_store import FileInfo, FileStore
from connector.files.header import Header, read_header
from connector.files.repeated_headers import RepeatedHeaders
from connector.files.row_parser import RowParser
from connector.files.scan_report import (
    FileDigest,
    FileInput,
    RangeReport,
    ScanReport,
    SizeLimits,
    column_changes,
    too_large,
)
from connector.files.text_reader import DigestingReader, RangeReader, TextReader

if TYPE_CHECKING:
    from connector.files.line_scan import LineStart


class DelimitedReader:
    """Implements `FileReader` for delimited files. All values are text."""

    def __init__(
        self, store: FileStore, file_input: FileInput, limits: SizeLimits, report: ScanReport, stop: Event
    ) -> None:
        self._store, self._input, self._limits = store, file_input, limits
        self._format = file_input.format
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
            header = self._parse_header(file, text)
            repeats = RepeatedHeaders(header, file.display_name, self._report.problems)
            yield from self._rows(file, text, header, repeats, self._report.notes)
            if note := repeats.note():
                self._report.notes.append(note)
        return FileDigest(file.display_name, raw_file.size, raw_file.digest)

    def divide(self, file: FileInfo, parts: int) -> Division:
        """See `FileReader.divide`: at ends of lines, which takes one reading of the file."""
        from connector.files.line_scan import scan_lines

        if is_packed(file.path):
            return Division(obstacle="it is packed")
        with self._open_text(file) as (_, text):
            header, encoding = self._parse_header(file, text), text.encoding
        if encoding != "utf-8":
            return Division(obstacle=f"it is {encoding.upper().removesuffix('-LE').removesuffix('-BE')} text")
        targets = [file.size * number // parts for number in range(1, parts)]
        with self._open_range(file, 0, None) as raw_file:
            scanned = scan_lines(raw_file, header.delimiter, header.line, targets)
        if scanned.obstacle:
            return Division(obstacle=scanned.obstacle)
        first_row = self._first_row_line(file) if scanned.starts else 0
        return _division([start for start in scanned.starts if start.line > first_row], file, scanned.digest)

    def read_part(self, file: FileInfo, part: FilePart) -> Iterator[pa.RecordBatch]:
        """See `FileReader.read_part`. The last part of a file has its digest."""
        report = RangeReport(file.display_name, limits=self._limits if self._format.is_conversions else None)
        with self._open_part(file, part) as (raw_file, text, header):
            repeats = RepeatedHeaders(header, file.display_name, self._report.problems)
            for batch in self._rows(file, text, header, repeats, report.notes, is_start=not part.get("start")):
                report.rows += batch.num_rows
                yield batch
        report.repeated_headers, report.repeated_lines = repeats.count, repeats.lines
        if isinstance(raw_file, DigestingReader):
            report.file = FileDigest(file.display_name, raw_file.size, raw_file.digest)
        elif part["digest"]:
            report.file = FileDigest(file.display_name, file.size, part["digest"])
        self._report.parts.append(report)

    def _first_row_line(self, file: FileInfo) -> int:
        """Return the line of a conversions file's first row, up to which there may be a row of instructions; else 0."""
        if not self._format.is_conversions:
            return 0
        report = ScanReport()
        reader = DelimitedReader(self._store, self._input, self._limits, report, self._stop)
        for batch in reader.read(file):
            if batch.num_rows:
                ((_, line),) = report.lines.locate(np.array([1]))
                return line
        return file.size

    @contextmanager
    def _open_part(
        self, file: FileInfo, part: FilePart
    ) -> Iterator[tuple[DigestingReader | RangeReader, TextReader, Header]]:
        """Open a part behind the header line. Without one of its own, the header counts as the line before."""
        if not part:
            with self._open_text(file) as (whole, text):
                yield whole, text, self._parse_header(file, text)
            return
        with self._open_range(file, part["start"], part["end"]) as raw_file:
            text = TextReader(raw_file, file.display_name, compressed=False, first_line=part["line"])
            if not part["start"]:
                yield raw_file, text, self._parse_header(file, text)
                return
            with self._open_text(file) as (_, start):
                header = self._parse_header(file, start)
            yield raw_file, text, replace(header, line=part["line"] - 1)

    @contextmanager
    def _open_range(self, file: FileInfo, start: int, end: int | None) -> Iterator[RangeReader]:
        with translate_errors(file.display_name):
            handle = self._store.open(file.path)
        with closing(handle):
            yield RangeReader(handle, file.display_name, self._stop, start, end)

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

    def _rows(
        self,
        file: FileInfo,
        text: TextReader,
        header: Header,
        repeated_headers: RepeatedHeaders,
        notes: list[str],
        *,
        is_start: bool = True,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows behind the header line. At the start of a file there may be a row of instructions."""
        name, problems = file.display_name, self._report.problems
        rows = RowParser(text, header, name, problems)
        checks = ConversionsChecks(name, problems, self._format.transaction_category)
        count = 0
        for batch, lines in rows.batches():
            batch, lines = repeated_headers.remove(batch, lines)  # noqa: PLW2901
            if self._format.is_conversions:
                if is_start and not count and batch.num_rows and is_instruction_row(with_all_columns(batch)):
                    batch, lines = batch.slice(1), lines[1:]  # noqa: PLW2901
                    notes.append(f"{name}:2: the template's row of instructions is skipped.")
                checks.check(batch, lines)
                batch = with_all_columns(batch)  # noqa: PLW2901
            count += batch.num_rows
            self._check_size(file, count, text.size)
            self._report.lines.add(name, lines)
            yield batch

    def _check_size(self, file: FileInfo, rows: int, size: int) -> None:
        if self._format.is_conversions and (rows > self._limits.rows or size > self._limits.size):
            raise too_large(file.display_name, self._limits)


def _division(starts: "list[LineStart]", file: FileInfo, digest: str) -> Division:
    """Return the parts of a file that begin at its start and at these places."""
    inner = [start for start in starts if start.offset < file.size]
    if not inner:
        return Division(obstacle="it has too few lines")
    begins = [(0, 1), *((start.offset, start.line) for start in inner)]
    ends = [*(start.offset for start in inner), None]
    return Division(
        [
            {"start": start, "line": line, "end": end, "digest": digest if end is None else None}
            for (start, line), end in zip(begins, ends, strict=True)
        ]
    )
