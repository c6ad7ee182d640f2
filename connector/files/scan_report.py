"""The files to read, and the report of what is learned while they are read."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from connector.catalogue.conversions import MOST_BYTES, MOST_ROWS
from connector.config.file_format import FileFormat
from connector.errors import FileRefused, Problem
from connector.files.file_address import display_path
from connector.files.problem_log import ProblemLog

RowNumbers = npt.NDArray[np.int64]

_MAX_LISTED = 10
"""Columns in a message."""


class LineIndex:
    """Maps a row's number, counted from 1 over all files, to its file and line. Safe to use from two threads.

    It grows only if lines are irregular, such as with line breaks in values, and can discard rows that are not needed
    any more.
    """

    def __init__(self) -> None:
        self._runs: deque[tuple[int, str, RowNumbers | range]] = deque()
        self._next = 1
        self._lock = Lock()

    def add(self, file: str, lines: RowNumbers) -> None:
        """Append rows, in order, by the lines on which they begin."""
        if not len(lines):
            return
        first, last = int(lines[0]), int(lines[-1])
        is_regular = last - first + 1 == len(lines)
        with self._lock:
            if is_regular and self._continues(file, first):
                start, _, before = self._runs.pop()
                self._runs.append((start, file, range(before[0], last + 1)))
            else:
                self._runs.append((self._next, file, range(first, last + 1) if is_regular else lines))
            self._next += len(lines)

    def locate(self, rows: RowNumbers) -> list[tuple[str, int]]:
        """Return the files and lines of rows."""
        with self._lock:
            return [self._locate_row(int(row)) for row in rows]

    def discard_until(self, row: int) -> None:
        """Discard the rows up to this one, if they are not needed for later ones."""
        with self._lock:
            while len(self._runs) > 1 and self._runs[1][0] <= row + 1:
                self._runs.popleft()

    def _continues(self, file: str, line: int) -> bool:
        if not self._runs:
            return False
        _, name, lines = self._runs[-1]
        return isinstance(lines, range) and name == file and lines.stop == line

    def _locate_row(self, row: int) -> tuple[str, int]:
        first, file, lines = next(one for one in reversed(self._runs) if one[0] <= row)
        return file, int(lines[row - first])


@dataclass(frozen=True, slots=True)
class FileInput:
    """The files to read."""

    pattern: str
    """A path or an address, perhaps with wildcards."""
    format: FileFormat
    directory: Path

    @property
    def display_name(self) -> str:
        """The path as seen from the project, or the address without a password."""
        return display_path(self.pattern, self.directory)


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The limits of a conversions file: rows, and bytes uncompressed."""

    rows: int = MOST_ROWS
    size: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file that was read to its end: its display name, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class PreviousFile:
    """The file that was sent last: its name, the run that sent it, its columns."""

    name: str
    run_id: str
    columns: tuple[str, ...]


@dataclass(slots=True)
class RangeReport:
    """Facts about a range of a file that is read as a split, or about a whole one, besides its problems."""

    name: str
    """The file's display name."""
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    repeated_headers: int = 0
    """Header lines within the part."""
    repeated_lines: list[int] = field(default_factory=list)
    """The first of these lines."""
    file: FileDigest | None = None
    """The whole file, if this is its last part."""
    limits: SizeLimits | None = None
    """The limits that a program sets to the file, if any."""


@dataclass(slots=True)
class ScanReport:
    """What is learned of the files while they are read."""

    problems: ProblemLog = field(default_factory=ProblemLog)
    """What is wrong in the files."""
    refusals: list[Problem] = field(default_factory=list)
    """Why the files cannot be sent at all."""
    rejections: ProblemLog = field(default_factory=ProblemLog)
    """What is wrong with single rows."""
    lines: LineIndex = field(default_factory=LineIndex)
    files: list[FileDigest] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Remarks that are no problems."""
    columns: tuple[str, ...] = ()
    """The names in the header lines of the files that are read; all have the same."""
    changes: list[str] = field(default_factory=list)
    """How they differ from the columns of the previous file; also among the notes."""
    parts: list[RangeReport] = field(default_factory=list)
    """The parts that were read, if only a split was."""


def too_large(name: str, limits: SizeLimits) -> FileRefused:
    """Return the error for a file that is larger than a program takes."""
    return FileRefused(
        f"{name} is larger than a file of the program may be: {limits.rows:,} rows, and {limits.size:,} bytes "
        "uncompressed."
    )


def column_changes(before: Sequence[str], after: Sequence[str]) -> str:
    """Describe which columns are new, gone, renamed or moved; an empty text if none is.

    A column counts as renamed if one is gone and a new one is at its position.
    """
    return "; ".join(_describe_changes(before, after))


def _describe_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    renamed = _renamed_columns(before, after) if len(before) == len(after) else {}
    for old, name in list(renamed.items())[:_MAX_LISTED]:
        yield f'column {after.index(name) + 1} is renamed from "{old}" to "{name}"'
    if len(renamed) > _MAX_LISTED:
        yield f"{len(renamed) - _MAX_LISTED:,} more are renamed"
    if names := [name for name in added if name not in renamed.values()]:
        yield f"new: {_quote_names(names)}"
    if names := [name for name in removed if name not in renamed]:
        yield f"gone: {_quote_names(names)}"
    expected_order = [renamed.get(name, name) for name in before if name in after or name in renamed]
    if expected_order != [name for name in after if name in expected_order]:
        yield f"the order is now {_quote_names(after)}"


def _renamed_columns(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    pairs = zip(before, after, strict=True)
    return {old: new for old, new in pairs if old not in after and new not in before}


def _quote_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(f'"{name[:60]}"' for name in names[:_MAX_LISTED]) + more
