"""Store excluded rows without anything that identifies a person."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import EXCLUDED_ROW, excluded_rows
from connector.core.outcomes import REASONS, Skip
from connector.transform.compiler import CompiledTransform
from connector.transform.slice_engine import Engine, EnginePool

ENOUGH = 4_096
"""Rows that the engine handles at once: preparing its patterns takes as long as a thousand rows."""
_MOST_BYTES = 8 << 20

_WORDS = pa.array([Skip.DUPLICATE.value, *(reason.value for reason in REASONS)])
_OUTCOMES = pa.array(["skipped", *("rejected" for _ in REASONS)])
"""The outcomes by the number of a row's reason; an excluded row without a reason is a duplicate."""
_NO_COLUMNS = pa.array(["{}"])


@dataclass(frozen=True, slots=True)
class Rejected:
    """Excluded rows of a chunk in plain text."""

    rows: pa.Table
    reasons: npt.NDArray[np.uint8]
    """1 + the index of each row's reason in REASONS; 0: a duplicate."""

    def redacted(self, engine: Engine) -> pa.Table:
        """Return the excluded rows with redacted columns (schema EXCLUDED_ROW)."""
        return self._with(engine.rejected_columns(self.rows)["columns"])

    def redacted_if_readable(self, engine: Engine) -> pa.Table:
        """Return the excluded rows, without the columns of rows that the engine cannot read."""
        first = self.rows["row_number"].combine_chunks()

        def of(part: pa.Table) -> Rejected:
            start = pc.index(first, part["row_number"][0]).as_py()
            return Rejected(part, self.reasons[start : start + part.num_rows])

        tables = engine.bisect(
            self.rows, lambda part: of(part).redacted(engine), lambda row: of(row)._with(_NO_COLUMNS)
        )
        return pa.concat_tables(tables)

    def _with(self, columns: pa.Array | pa.ChunkedArray) -> pa.Table:
        numbers = pa.array(self.reasons)
        return excluded_rows(self.rows["row_number"], _OUTCOMES.take(numbers), _WORDS.take(numbers), columns=columns)


class ExcludedCollector:
    """Collects excluded rows of several slices until they are enough. Not for use from several threads at once."""

    def __init__(self, compiled: CompiledTransform, engines: EnginePool[Engine] | None = None) -> None:
        self._compiled = compiled
        self._engines, self._own = engines or EnginePool[Engine](), engines is None
        self._waiting: list[Rejected] = []

    def add(self, rejected: Rejected) -> pa.Table:
        """Add rows; return all waiting rows with redacted columns (schema EXCLUDED_ROW), or none while they are few."""
        self._waiting.append(rejected)
        rows = sum(part.rows.num_rows for part in self._waiting)
        size = sum(part.rows.nbytes for part in self._waiting)
        return self.rest() if rows >= ENOUGH or size >= _MOST_BYTES else EXCLUDED_ROW.empty_table()

    def rest(self) -> pa.Table:
        """Return all waiting rows with redacted columns (schema EXCLUDED_ROW)."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return EXCLUDED_ROW.empty_table()
        rows = pa.concat_tables([part.rows for part in waiting])
        rejected = Rejected(rows, np.concatenate([part.reasons for part in waiting]))
        with self._engines.engine(lambda: Engine(self._compiled)) as engine:
            return rejected.redacted_if_readable(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._engines.close()
