"""Scan of a delimited file for places where it can be divided: ends of lines that are outside quotation marks."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
import numpy.typing as npt

from connector.files.row_parser import BLOCK_BYTES
from connector.files.text_reader import BOM, MAX_HEADER_BYTES, line_breaks

WINDOW_BYTES = 3 * BLOCK_BYTES // 8
"""Bytes scanned at a time. If no row ends among them, there may be one too long for the parser's blocks: two windows,
the first with a header of two lines, have room in one.
"""

LONG_ROWS = "it has rows of about a megabyte, or lines that end with a carriage return"
OPEN_QUOTES = "it ends within quotation marks"
INNER_MARKS = "it has byte order marks inside, as joined files have"

_QUOTE, _LF, _CR = b'"\n\r'
_Positions = npt.NDArray[np.int64]


class Readable(Protocol):
    """A file that is read from its start."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class LineStart:
    """A place where a line, and a row, begins."""

    offset: int
    """Bytes before it."""
    line: int
    """The number of the line, from 1."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """The result of a scan."""

    starts: Sequence[LineStart]
    """The places at which to divide, in order; none before or at the first row."""
    digest: str
    """The SHA-256 of the file, in hex; an empty text if there is an obstacle, with which the scan ends."""
    obstacle: str | None = None
    """Why the file cannot be divided; None if it can."""


def scan_lines(
    file: Readable, delimiter: str, header_lines: int, targets: Sequence[int], *, window: int = WINDOW_BYTES
) -> ScannedFile:
    """Find the first possible place at or behind each of the target offsets, which ascend.

    `header_lines` come before the rows; in them quotation marks do not count.
    """
    scan, digest = _Scan(delimiter), sha256()
    starts: list[LineStart] = []
    pending = list(targets)
    with ThreadPoolExecutor(1, thread_name_prefix="digest") as thread:
        for offset, chunk, is_last in _windows(file, window, header_lines):
            digesting = thread.submit(digest.update, chunk)
            ends = scan.row_ends(chunk, header_lines if offset == 0 else 0)
            if obstacle := scan.obstacle or (LONG_ROWS if not len(ends) and not is_last else None):
                return ScannedFile([], "", obstacle)
            starts += scan.starts(offset, chunk, ends, pending)
            digesting.result()
    if scan.is_quoted:
        return ScannedFile([], "", OPEN_QUOTES)
    return ScannedFile(starts, digest.hexdigest())


def _windows(file: Readable, window: int, header_lines: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield pieces of equal size, but the first one with room for the header, and whether each is the last one."""
    size, offset = window + header_lines * (MAX_HEADER_BYTES + 2), 0
    chunk = _read_exactly(file, size)
    while chunk:
        following = _read_exactly(file, window)
        yield offset, chunk, not following
        offset, chunk = offset + len(chunk), following


def _read_exactly(file: Readable, size: int) -> bytes:
    parts, missing = [], size
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Scan:
    """The state between two windows: what is quoted, and how many lines there were."""

    def __init__(self, delimiter: str) -> None:
        self._field_ends = (_LF, _CR, ord(delimiter))
        self.is_quoted = False
        """True if the next character is within quotation marks."""
        self._last_two = b""
        self._is_last_closing = False
        """The last byte is a quotation mark that closed a value, and another one would make it a part of the value."""
        self._lines = 1
        self.obstacle: str | None = None

    def row_ends(self, chunk: bytes, header_lines: int) -> _Positions:
        """Return where line feeds end rows, as positions behind them."""
        rows_start = _header_end(chunk, header_lines)
        if BOM in (chunk[rows_start:] if rows_start else chunk) or BOM in self._last_two + chunk[:2]:
            self.obstacle = INNER_MARKS
        ends = _positions(chunk, _LF) + 1
        if rows_start:
            ends = ends[ends > rows_start]
        toggles = self._toggles(chunk, rows_start) if chunk.find(_QUOTE, rows_start) >= 0 else None
        was_quoted = self.is_quoted
        if toggles is None:
            self._is_last_closing = False
            return ends[:0] if was_quoted else ends
        self.is_quoted = bool((was_quoted + len(toggles)) % 2)
        self._is_last_closing = not self.is_quoted and bool(len(toggles)) and int(toggles[-1]) == len(chunk) - 1
        is_outside = (was_quoted + np.searchsorted(toggles, ends)) % 2 == 0
        return np.asarray(ends[is_outside])

    def starts(self, offset: int, chunk: bytes, ends: _Positions, targets: list[int]) -> Iterator[LineStart]:
        """Yield the place for each target in this window, which is removed, and count the window's lines."""
        before = 0
        while targets and len(ends) and targets[0] <= offset + int(ends[-1]):
            end = int(ends[np.searchsorted(ends, max(0, targets[0] - offset))])
            self._lines += self._breaks(chunk[before:end])
            self._last_two, before = chunk[max(0, end - 2) : end], end
            yield LineStart(offset + end, self._lines)
            while targets and targets[0] <= offset + end:
                targets.pop(0)
        self._lines += self._breaks(chunk[before:])
        self._last_two = (self._last_two + chunk)[-2:]

    def _breaks(self, text: bytes) -> int:
        if b"\r" not in text and not self._last_two.endswith(b"\r"):
            return text.count(b"\n")
        return line_breaks(text) - (self._last_two.endswith(b"\r") and text[:1] == b"\n")

    def _toggles(self, chunk: bytes, start: int) -> _Positions:
        """Return the positions of the quotation marks that open or close a quoted value.

        As the parser does, a mark opens a value only at the start of a field. Inside of a value every mark closes it,
        and one that follows at once opens it again: together they are a mark in the value.
        """
        marks = _positions(chunk, _QUOTE)
        marks = marks[marks >= start]
        before = np.frombuffer(chunk, np.uint8)[marks - 1]
        if marks[0] == 0:
            before[0] = self._last_two[-1]
        is_opening = np.arange(len(marks)) % 2 == int(self.is_quoted)
        is_at_field_start = np.isin(before, self._field_ends)
        follows_closing = np.zeros(len(marks), np.bool_)
        follows_closing[1:] = marks[1:] == marks[:-1] + 1
        follows_closing[0] = self._is_last_closing and marks[0] == 0
        if np.all(~is_opening | is_at_field_start | follows_closing):
            return marks
        return self._toggles_one_by_one(marks, is_at_field_start)

    def _toggles_one_by_one(self, marks: _Positions, is_at_field_start: npt.NDArray[np.bool_]) -> _Positions:
        toggles, is_quoted = [], self.is_quoted
        closing = -1 if self._is_last_closing else None
        for mark, at_start in zip(marks.tolist(), is_at_field_start.tolist(), strict=True):
            if is_quoted:
                closing = mark
            elif not at_start and closing != mark - 1:
                continue
            is_quoted = not is_quoted
            toggles.append(mark)
        return np.array(toggles, np.int64)


def _positions(chunk: bytes, byte: int) -> _Positions:
    return np.flatnonzero(np.frombuffer(chunk, np.uint8) == byte)


def _header_end(chunk: bytes, lines: int) -> int:
    """Return where the rows begin, behind so many lines that end with LF, CRLF or CR."""
    end = 0
    for _ in range(lines):
        breaks = [position for position in (chunk.find(b"\n", end), chunk.find(b"\r", end)) if position >= 0]
        if not breaks:
            return len(chunk)
        end = min(breaks) + 1
        end += chunk[end - 1 : end + 1] == b"\r\n"
    return end
