"""Parsing of one file into record batches of text, with the line on which each row begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from connector.errors import FileRefused
from connector.files.header import Header
from connector.files.problem_log import ProblemLog
from connector.files.text_reader import TextReader, line_breaks

LineNumbers = npt.NDArray[np.int64]

BLOCK_BYTES = 1 << 20
"""Bytes parsed at a time; no row may be longer."""
MAX_RAGGED = 100_000
"""Reading stops after so many rows whose length differs from the header's: the file is something else."""

_BYTE_ORDER_MARK = "\ufeff"
_JOINED_HINT = ": it has a byte order mark inside, as where two files are joined without a line break"
RAGGED = "rows that have not as many fields as the header"
_END_MARK = "\x1aend"
"""The value of an added last row, which is missing if a quotation mark was not closed."""


@dataclass(frozen=True, slots=True)
class _RaggedRow:
    """A row whose length differs from the header's."""

    number: int
    """Counted from 1 after the header."""
    fields: int
    breaks: int
    """Line breaks within its values."""
    joined: bool
    """Whether it holds a byte order mark."""
    blank: bool = False
    """Whether it holds only blanks and so is not a row."""


@dataclass
class RowParser:
    """One pass over a file after its header line. `problems` collects ragged rows.

    Blank values are null. Rows without any value are skipped.
    """

    text: TextReader
    heading: Header
    display_name: str
    problems: ProblemLog
    _line: int = field(init=False)
    _number: int = 1
    _ragged: list[_RaggedRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = self.heading.line + 1

    def batches(self) -> Iterator[tuple[pa.RecordBatch, LineNumbers]]:
        """Yield batches and the lines of their rows. Raises FileRefused if the text cannot be parsed."""
        delimiter, width = self.heading.delimiter, len(self.heading.names)
        self.text.end_with((_END_MARK + delimiter * (width - 1)).encode(), delimiter)
        last = None
        for batch in self._parse():
            if last is not None:
                yield _drop_blank_rows(*last)
            last = batch, self._lines(batch)
        self._check_end(last)
        if last is not None:
            batch, lines = last
            yield _drop_blank_rows(batch.slice(0, batch.num_rows - 1), lines[:-1])

    def _parse(self) -> Iterator[pa.RecordBatch]:
        names = list(self.heading.names)
        read_options = pa.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names)
        parse_options = pa.csv.ParseOptions(
            delimiter=self.heading.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=self._record_ragged,
        )
        # The text was validated as UTF-8 before.
        convert_options = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), check_utf8=False, strings_can_be_null=True, null_values=[""]
        )
        try:
            for batch in pa.csv.open_csv(
                pa.PythonFile(self.text, mode="r"), read_options, parse_options, convert_options
            ):
                if batch.num_rows:
                    yield batch
        except pa.ArrowInvalid:
            raise self._too_ragged_error() if len(self._ragged) >= MAX_RAGGED else self._unfinished_error() from None

    def _unfinished_error(self) -> FileRefused:
        cause = "a quotation mark is opened and not closed, or " if self.text.has_quotes else ""
        return FileRefused(
            f"{self.display_name}:{self._line}: here or further on {cause}a row is longer than a megabyte."
        )

    def _too_ragged_error(self) -> FileRefused:
        first = self.problems.lines(self.display_name, RAGGED)[:1] or [
            self._line + self._ragged[0].number - self._number
        ]
        return FileRefused(
            f"{self.display_name}:{first[0]}: from here on more than {MAX_RAGGED:,} {RAGGED}: reading was given up."
        )

    def _record_ragged(self, row: pa.csv.InvalidRow) -> str:
        if len(self._ragged) >= MAX_RAGGED:
            return "error"
        joined, blank = _BYTE_ORDER_MARK in row.text, not row.text.strip(" \t\r\n")
        self._ragged.append(_RaggedRow(row.number, row.actual_columns, line_breaks(row.text.encode()), joined, blank))
        return "skip"

    def _lines(self, batch: pa.RecordBatch) -> LineNumbers:
        """Return the lines of a batch's rows, counted on from the batch before and past ragged rows."""
        if not self._ragged and not self.text.has_quotes:
            first, self._line = self._line, self._line + batch.num_rows
            self._number += batch.num_rows
            return np.arange(first, self._line, dtype=np.int64)
        ragged = np.array([one.number for one in self._ragged], np.int64)
        positions = np.arange(self._number, self._number + batch.num_rows, dtype=np.int64)
        # The row numbers without those of ragged rows.
        positions += np.searchsorted(ragged - np.arange(len(ragged)), positions, side="right")
        passed = int(np.searchsorted(ragged, positions[-1]))
        passed_rows, self._ragged = self._ragged[:passed], self._ragged[passed:]
        breaks = np.zeros(int(positions[-1]) - self._number + 1, np.int64)
        breaks[positions - self._number] = _line_breaks(batch)
        breaks[ragged[:passed] - self._number] = [one.breaks for one in passed_rows]
        starts = self._line + np.arange(len(breaks)) + np.cumsum(breaks) - breaks
        self._report_ragged(passed_rows, starts[ragged[:passed] - self._number])
        lines = starts[positions - self._number]
        self._line = int(starts[-1] + 1 + breaks[-1])
        self._number = int(positions[-1]) + 1
        return np.asarray(lines)

    def _report_ragged(self, ragged: list[_RaggedRow], lines: LineNumbers) -> None:
        width = len(self.heading.names)
        lines = lines[[not one.blank for one in ragged]]
        ragged = [one for one in ragged if not one.blank]
        sentences = [
            f"the row has {one.fields} field{'s' * (one.fields != 1)}, the header {width}"
            f"{_JOINED_HINT if one.joined else ''}."
            for one in ragged
        ]
        self.problems.add(self.display_name, RAGGED, lines.tolist(), sentences, len(ragged))

    def _check_end(self, last: tuple[pa.RecordBatch, LineNumbers] | None) -> None:
        if last is None:
            raise self._unfinished_error()
        batch, lines = last
        if batch.column(0)[-1].as_py() != _END_MARK:
            self._line = int(lines[-1])
            raise self._unfinished_error()


def _line_breaks(batch: pa.RecordBatch) -> LineNumbers:
    """Count the line breaks within the values of each row."""
    breaks = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        data = column.buffers()[2]
        content = data.to_pybytes() if data is not None else b""
        if b"\n" in content:
            breaks += _count_substring(column, "\n")
        if b"\r" in content:
            breaks += _count_substring(column, "\r") - _count_substring(column, "\r\n")
    return breaks


def _count_substring(column: pa.Array, text: str) -> LineNumbers:
    return np.asarray(pc.fill_null(pc.count_substring(column, text), 0).to_numpy(zero_copy_only=False))


def _drop_blank_rows(batch: pa.RecordBatch, lines: LineNumbers) -> tuple[pa.RecordBatch, LineNumbers]:
    """Drop the rows in which every value is blank."""
    if not batch.num_rows or any(column.null_count == 0 for column in batch.columns):
        return batch, lines
    filled = np.zeros(batch.num_rows, np.bool_)
    for column in batch.columns:
        filled |= column.is_valid().to_numpy(zero_copy_only=False)
    return (batch, lines) if filled.all() else (batch.filter(pa.array(filled)), lines[filled])
