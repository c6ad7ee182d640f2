"""Header lines further down in a file, as where files have been joined."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.files.findings import Findings
from connector.files.heading import Heading
from connector.files.rows import Lines

REORDERED = "header lines with the columns in another order"
_SHOWN = 5


class RepeatedHeaders:
    """Remove repeated header lines from the rows of one file."""

    def __init__(self, heading: Heading, shown: str, found: Findings) -> None:
        self._written, self._shown, self._found = heading.written, shown, found
        self._names = pa.array(heading.written)
        self._lines: list[int] = []
        self._count = 0

    def without(self, batch: pa.RecordBatch, lines: Lines) -> tuple[pa.RecordBatch, Lines]:
        """Return the rows that are no header line. One that orders the columns otherwise goes to the findings."""
        places = self._of_names(batch)
        rows = [(int(place), tuple(batch.slice(int(place), 1).to_pylist()[0].values())) for place in places]
        same = [place for place, row in rows if row == self._written]
        others = [place for place, row in rows if row != self._written and set(row) == set(self._written)]
        self._found.add(
            self._shown,
            REORDERED,
            lines[others].tolist(),
            ["a second header line has the columns in another order: read what follows it as a file of its own."]
            * len(others),
            len(others),
        )
        if not same:
            return batch, lines
        self._count += len(same)
        self._lines += lines[same].tolist()[: max(0, _SHOWN - len(self._lines))]
        kept = np.ones(batch.num_rows, np.bool_)
        kept[same] = False
        return batch.filter(pa.array(kept)), lines[kept]

    def note(self) -> str | None:
        """Return a sentence on the header lines that were taken out."""
        if not self._count:
            return None
        more = f" and {self._count - len(self._lines):,} more" if self._count > len(self._lines) else ""
        places = f"line{'s' * (self._count > 1)} {', '.join(map(str, self._lines))}{more}"
        return f"{self._shown}: the header line stands again on {places}, and is skipped there."

    def _of_names(self, batch: pa.RecordBatch) -> Lines:
        """Return the rows whose every value is a column's name."""
        places = np.arange(batch.num_rows)
        for column in batch.columns:
            named = pc.is_in(column if len(places) == batch.num_rows else column.take(places), value_set=self._names)
            if not (found := named.to_numpy(zero_copy_only=False)).any():
                return places[:0]
            places = places[found]
        return places
