"""Sets of rows, by the values of one column or several, with NULL as a value."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]


class RowKeys:
    """The distinct rows of a table. Each value is a code, and the codes of several columns are one code together."""

    def __init__(self, rows: pa.Table) -> None:
        self._values = [pc.unique(column) for column in rows.columns]
        self._pairs: list[Codes] = []
        codes = _codes(rows.column(0), self._values[0])
        for column, values in zip(rows.columns[1:], self._values[1:], strict=True):
            pairs = codes * len(values) + _codes(column, values)
            self._pairs.append(np.unique(pairs))
            codes = np.searchsorted(self._pairs[-1], pairs)

    def contain(self, columns: Sequence[pa.Array]) -> npt.NDArray[np.bool_]:
        """Return which rows are among them."""
        codes = _codes(columns[0], self._values[0])
        for column, values, known in zip(columns[1:], self._values[1:], self._pairs, strict=True):
            own = _codes(column, values)
            pairs = np.where((codes < 0) | (own < 0), -1, codes * len(values) + own)
            places = np.searchsorted(known, pairs).clip(max=max(len(known) - 1, 0))
            codes = np.where(known[places] == pairs, places, -1) if len(known) else np.full(len(pairs), -1)
        return codes >= 0


def _codes(column: pa.Array | pa.ChunkedArray, values: pa.Array) -> Codes:
    """Return the place of each value among the distinct ones, -1 for one that is not there."""
    places = pc.fill_null(pc.index_in(column, value_set=values), -1)
    return np.asarray(places, dtype=np.int64)
