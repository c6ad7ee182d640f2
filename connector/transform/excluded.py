"""What is kept of rows that are left out, in which nobody can be recognised."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed import EXCLUDED_ROW
from connector.core.outcomes import REASONS, Skip
from connector.transform.compiler import CompiledTransform
from connector.transform.engine import Engine

ENOUGH = 4_096
"""Rows for which the engine is asked at once: making its patterns ready takes as long as a thousand rows."""
_MOST_BYTES = 8 << 20

_WORDS = pa.array([Skip.DUPLICATE.value, *(reason.value for reason in REASONS)])
_OUTCOMES = pa.array(["skipped", *("rejected" for _ in REASONS)])
"""By the number of a row's reason; a row that is left out without one is a duplicate."""
_NO_COLUMNS = pa.array(["{}"])


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rows of a chunk that are left out, as they were given, and 1 + the index in REASONS of each; 0: a duplicate."""

    rows: pa.Table
    reasons: npt.NDArray[np.uint8]

    def kept(self, engine: Engine) -> pa.Table:
        """Return what is kept of them (schema EXCLUDED_ROW)."""
        return self._with(engine.rejected_columns(self.rows)["columns"])

    def kept_of_readable(self, engine: Engine) -> pa.Table:
        """Return the same, without the columns of rows that the engine cannot read."""
        first = self.rows["row_number"].combine_chunks()

        def of(part: pa.Table) -> Rejected:
            start = pc.index(first, part["row_number"][0]).as_py()
            return Rejected(part, self.reasons[start : start + part.num_rows])

        kept = engine.bisect(self.rows, lambda part: of(part).kept(engine), lambda row: of(row)._with(_NO_COLUMNS))
        return pa.concat_tables(kept)

    def _with(self, columns: pa.Array | pa.ChunkedArray) -> pa.Table:
        numbers, nothing = pa.array(self.reasons), pa.nulls(self.rows.num_rows)
        found = [
            self.rows["row_number"],
            _OUTCOMES.take(numbers),
            _WORDS.take(numbers),
            nothing.cast(pa.int32()),
            nothing.cast(pa.string()),
            columns,
        ]
        return pa.table(found, schema=EXCLUDED_ROW)


class ExcludedCollector:
    """Rows that are left out of one slice after the other, until they are enough. Not for use from several threads."""

    def __init__(self, compiled: CompiledTransform) -> None:
        self._compiled = compiled
        self._engine: Engine | None = None
        self._waiting: list[Rejected] = []

    def add(self, rejected: Rejected) -> pa.Table:
        """Take rows in; return what is kept of all that waited (schema EXCLUDED_ROW), or nothing while they are few."""
        self._waiting.append(rejected)
        rows = sum(one.rows.num_rows for one in self._waiting)
        size = sum(one.rows.nbytes for one in self._waiting)
        return self.rest() if rows >= ENOUGH or size >= _MOST_BYTES else EXCLUDED_ROW.empty_table()

    def rest(self) -> pa.Table:
        """Return what is kept of all that waited (schema EXCLUDED_ROW)."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return EXCLUDED_ROW.empty_table()
        self._engine = self._engine or Engine(self._compiled)
        rows = pa.concat_tables([one.rows for one in waiting])
        return Rejected(rows, np.concatenate([one.reasons for one in waiting])).kept_of_readable(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine:
            self._engine.close()
