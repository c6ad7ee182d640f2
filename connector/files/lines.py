"""Where the rows that have been read stand in their files."""

from collections import deque
from threading import Lock

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class LineIndex:
    """From a row's number, counted from 1 over all files, to its file and line. Safe to use from two threads.

    It grows only where lines are irregular, such as with line breaks in values, and is told what is not asked for any
    more.
    """

    def __init__(self) -> None:
        self._stretches: deque[tuple[int, str, Numbers | range]] = deque()
        self._next = 1
        self._lock = Lock()

    def add(self, file: str, lines: Numbers) -> None:
        """Further rows, in order, and the lines on which they begin."""
        if not len(lines):
            return
        first, last = int(lines[0]), int(lines[-1])
        regular = last - first + 1 == len(lines)
        with self._lock:
            if regular and self._goes_on(file, first):
                start, _, before = self._stretches.pop()
                self._stretches.append((start, file, range(before[0], last + 1)))
            else:
                self._stretches.append((self._next, file, range(first, last + 1) if regular else lines))
            self._next += len(lines)

    def places(self, rows: Numbers) -> list[tuple[str, int]]:
        """The files and lines of rows."""
        with self._lock:
            return [self._place(int(row)) for row in rows]

    def forget(self, row: int) -> None:
        """Rows up to this one will not be asked for."""
        with self._lock:
            while len(self._stretches) > 1 and self._stretches[1][0] <= row + 1:
                self._stretches.popleft()

    def _goes_on(self, file: str, line: int) -> bool:
        if not self._stretches:
            return False
        _, name, lines = self._stretches[-1]
        return isinstance(lines, range) and name == file and lines.stop == line

    def _place(self, row: int) -> tuple[str, int]:
        first, file, lines = next(one for one in reversed(self._stretches) if one[0] <= row)
        return file, int(lines[row - first])
