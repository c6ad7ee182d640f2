"""The rows of one file as record batches of text, each row with the line on which it begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from connector.errors import FileRefused
from connector.files.findings import Findings
from connector.files.heading import Heading
from connector.files.text import Text, line_breaks

Lines = npt.NDArray[np.int64]

BLOCK = 1 << 20
"""Bytes that are parsed at a time; no row may be longer."""
MOST_RAGGED = 100_000
"""After so many rows of another length than the header reading is given up: the file is something else."""

_MARK = "\ufeff"
_JOINED = ": it has a byte order mark inside, as where two files are joined without a line break"
RAGGED = "rows that have not as many fields as the header"
_END = "\x1aend"
"""Stands in a row behind the last one: it is not met where a quotation mark was not closed."""


@dataclass(frozen=True, slots=True)
class _Ragged:
    """A row of another length than the header."""

    number: int
    """Counted from 1 behind the header."""
    fields: int
    breaks: int
    """Line breaks within its values."""
    joined: bool
    """Whether it holds a byte order mark."""
    blank: bool = False
    """Whether it holds only blanks and so is not a row."""


@dataclass
class Rows:
    """One pass over a file whose header line has been read. `found` takes the rows that are not rectangular.

    Blank values are null. Rows without any value are none, and are left out.
    """

    text: Text
    heading: Heading
    shown: str
    found: Findings
    _line: int = field(init=False)
    _number: int = 1
    _ragged: list[_Ragged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = self.heading.line + 1

    def batches(self) -> Iterator[tuple[pa.RecordBatch, Lines]]:
        """Batches and the lines of their rows. Raises FileRefused where the text cannot be taken apart."""
        delimiter, width = self.heading.delimiter, len(self.heading.names)
        self.text.end_with((_END + delimiter * (width - 1)).encode(), delimiter)
        last = None
        for batch in self._parsed():
            if last is not None:
                yield _filled(*last)
            last = batch, self._lines(batch)
        self._check_end(last)
        if last is not None:
            batch, lines = last
            yield _filled(batch.slice(0, batch.num_rows - 1), lines[:-1])

    def _parsed(self) -> Iterator[pa.RecordBatch]:
        names = list(self.heading.names)
        read = pa.csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names)
        parse = pa.csv.ParseOptions(
            delimiter=self.heading.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=self._take_ragged,
        )
        # The text was held to be UTF-8 before.
        convert = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), check_utf8=False, strings_can_be_null=True, null_values=[""]
        )
        try:
            for batch in pa.csv.open_csv(pa.PythonFile(self.text, mode="r"), read, parse, convert):
                if batch.num_rows:
                    yield batch
        except pa.ArrowInvalid:
            raise self._unlike() if len(self._ragged) >= MOST_RAGGED else self._unfinished() from None

    def _unfinished(self) -> FileRefused:
        opened = "a quotation mark is opened and not closed, or " if self.text.has_quotes else ""
        return FileRefused(f"{self.shown}:{self._line}: here or further on {opened}a row is longer than a megabyte.")

    def _unlike(self) -> FileRefused:
        first = self.found.lines(self.shown, RAGGED)[:1] or [self._line + self._ragged[0].number - self._number]
        return FileRefused(
            f"{self.shown}:{first[0]}: from here on more than {MOST_RAGGED:,} {RAGGED}: reading was given up."
        )

    def _take_ragged(self, row: pa.csv.InvalidRow) -> str:
        if len(self._ragged) >= MOST_RAGGED:
            return "error"
        joined, blank = _MARK in row.text, not row.text.strip(" \t\r\n")
        self._ragged.append(_Ragged(row.number, row.actual_columns, line_breaks(row.text.encode()), joined, blank))
        return "skip"

    def _lines(self, batch: pa.RecordBatch) -> Lines:
        """The lines of a batch's rows; counts on from the batch before, past rows that are not rectangular."""
        if not self._ragged and not self.text.has_quotes:
            first, self._line = self._line, self._line + batch.num_rows
            self._number += batch.num_rows
            return np.arange(first, self._line, dtype=np.int64)
        ragged = np.array([one.number for one in self._ragged], np.int64)
        place = np.arange(self._number, self._number + batch.num_rows, dtype=np.int64)
        # The numbers that are left when those of ragged rows are taken out.
        place += np.searchsorted(ragged - np.arange(len(ragged)), place, side="right")
        past = int(np.searchsorted(ragged, place[-1]))
        taken, self._ragged = self._ragged[:past], self._ragged[past:]
        breaks = np.zeros(int(place[-1]) - self._number + 1, np.int64)
        breaks[place - self._number] = _line_breaks(batch)
        breaks[ragged[:past] - self._number] = [one.breaks for one in taken]
        starts = self._line + np.arange(len(breaks)) + np.cumsum(breaks) - breaks
        self._tell(taken, starts[ragged[:past] - self._number])
        lines = starts[place - self._number]
        self._line = int(starts[-1] + 1 + breaks[-1])
        self._number = int(place[-1]) + 1
        return np.asarray(lines)

    def _tell(self, ragged: list[_Ragged], lines: Lines) -> None:
        width = len(self.heading.names)
        lines = lines[[not one.blank for one in ragged]]
        ragged = [one for one in ragged if not one.blank]
        sentences = [
            f"the row has {one.fields} field{'s' * (one.fields != 1)}, the header {width}"
            f"{_JOINED if one.joined else ''}."
            for one in ragged
        ]
        self.found.add(self.shown, RAGGED, lines.tolist(), sentences, len(ragged))

    def _check_end(self, last: tuple[pa.RecordBatch, Lines] | None) -> None:
        if last is None:
            raise self._unfinished()
        batch, lines = last
        if batch.column(0)[-1].as_py() != _END:
            self._line = int(lines[-1])
            raise self._unfinished()


def _line_breaks(batch: pa.RecordBatch) -> Lines:
    """Of each row how many line breaks stand within its values."""
    breaks = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        data = column.buffers()[2]
        content = data.to_pybytes() if data is not None else b""
        if b"\n" in content:
            breaks += _count(column, "\n")
        if b"\r" in content:
            breaks += _count(column, "\r") - _count(column, "\r\n")
    return breaks


def _count(column: pa.Array, text: str) -> Lines:
    return np.asarray(pc.fill_null(pc.count_substring(column, text), 0).to_numpy(zero_copy_only=False))


def _filled(batch: pa.RecordBatch, lines: Lines) -> tuple[pa.RecordBatch, Lines]:
    """Without the rows in which every value is blank."""
    if not batch.num_rows or any(column.null_count == 0 for column in batch.columns):
        return batch, lines
    filled = np.zeros(batch.num_rows, np.bool_)
    for column in batch.columns:
        filled |= column.is_valid().to_numpy(zero_copy_only=False)
    return (batch, lines) if filled.all() else (batch.filter(pa.array(filled)), lines[filled])
