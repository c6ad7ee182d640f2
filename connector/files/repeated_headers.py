"""Header lines within a file, as left by joining files."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.files.header import Header
from connector.files.problem_log import ProblemLog
from connector.files.row_parser import LineNumbers

REORDERED = "header lines with the columns in another order"
MAX_LINES = 5


class RepeatedHeaders:
    """Removes repeated header lines from the rows of one file."""

    def __init__(self, heading: Header, display_name: str, problems: ProblemLog) -> None:
        self._names_in_file, self._display_name, self._problems = heading.raw_names, display_name, problems
        self._names = pa.array(heading.raw_names)
        self.lines: list[int] = []
        """The first lines that were removed."""
        self.count = 0

    def remove(self, batch: pa.RecordBatch, lines: LineNumbers) -> tuple[pa.RecordBatch, LineNumbers]:
        """Return the rows that are not header lines. A header with another column order is a problem."""
        positions = self._header_rows(batch)
        rows = [(int(position), tuple(batch.slice(int(position), 1).to_pylist()[0].values())) for position in positions]
        repeats = [position for position, row in rows if row == self._names_in_file]
        reordered = [
            position for position, row in rows if row != self._names_in_file and set(row) == set(self._names_in_file)
        ]
        self._problems.add(
            self._display_name,
            REORDERED,
            lines[reordered].tolist(),
            ["a second header line has the columns in another order: read what follows it as a file of its own."]
            * len(reordered),
            len(reordered),
        )
        if not repeats:
            return batch, lines
        self.count += len(repeats)
        self.lines += lines[repeats].tolist()[: max(0, MAX_LINES - len(self.lines))]
        mask = np.ones(batch.num_rows, np.bool_)
        mask[repeats] = False
        return batch.filter(pa.array(mask)), lines[mask]

    def note(self) -> str | None:
        """Return a sentence about the removed header lines."""
        return repeated_headers_note(self._display_name, self.count, self.lines)

    def _header_rows(self, batch: pa.RecordBatch) -> LineNumbers:
        """Return the rows in which every value is a column's name."""
        positions = np.arange(batch.num_rows)
        for column in batch.columns:
            is_name = pc.is_in(
                column if len(positions) == batch.num_rows else column.take(positions), value_set=self._names
            )
            if not (matches := is_name.to_numpy(zero_copy_only=False)).any():
                return positions[:0]
            positions = positions[matches]
        return positions


def repeated_headers_note(name: str, count: int, lines: Sequence[int]) -> str | None:
    """Return a sentence about the removed header lines of a file, of which `lines` are the first."""
    if not count:
        return None
    more = f" and {count - len(lines):,} more" if count > len(lines) else ""
    places = f"line{'s' * (count > 1)} {', '.join(map(str, lines))}{more}"
    return f"{name}: the header line is repeated on {places}, and is skipped there."
