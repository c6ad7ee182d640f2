"""Select the rows of a result that an earlier run excluded.

A row is identified by its event_id or order_id. If rows without both were excluded, all rows without both are selected:
those that were delivered are skipped by their keys.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.duckdb_connection import connect_isolated
from connector.transform.compiler import CompiledTransform
from connector.transform.slice_engine import Engine, to_chunk
from connector.transform.sql.text import ID_LENGTH, id_number

_EVENT, *_ORDER = (
    f"json_extract_string(columns, '{path}')" for path in ("$.event_id", "$.order_id", "$.properties.order_id")
)
"""The SQL of the ids in the stored columns of an excluded row."""

_NAMED = f"NOT regexp_full_match({_EVENT}, '[0-9a-f]{{{ID_LENGTH}}}')"
"""The condition that the row itself had an event_id, which is not derived from the rest of the row."""


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The rows to read again."""

    ids: npt.NDArray[np.uint64]
    """The ids of the rows as sorted numbers."""
    include_unidentified: bool
    """Select all rows without an id as well."""

    @classmethod
    def from_excluded(cls, excluded: Iterable[pa.RecordBatch]) -> Self:
        """Select the excluded rows (schema EXCLUDED_ROW), wherever they are in the result now."""
        ids, include_unidentified = [np.empty(0, np.uint64)], False
        numbers = f"list_transform([{', '.join((_EVENT, *_ORDER))}], lambda x: {id_number('x')})"
        named = f"coalesce({_NAMED}, false) OR coalesce({', '.join(_ORDER)}) IS NOT NULL"
        sql = f"SELECT list_distinct({numbers}) AS ids, {named} AS named FROM rows"
        with connect_isolated() as connection:
            for batch in excluded:
                connection.register("rows", pa.table(batch))
                rows = connection.sql(sql).to_arrow_table()
                lists = rows["ids"].combine_chunks()
                ids.append(np.unique(lists.flatten().to_numpy(zero_copy_only=False)).astype(np.uint64))
                include_unidentified |= not pc.all(rows["named"], min_count=0).as_py()
        return cls(np.unique(np.concatenate(ids)), include_unidentified)

    def filter(self, batches: Iterable[pa.RecordBatch], compiled: CompiledTransform) -> Iterator[pa.RecordBatch]:
        """Yield the selected rows of a result, in their order."""
        engine = Engine(compiled)
        try:
            for batch in batches:
                flags = self._flags(engine.ids(to_chunk([batch], compiled.cleaning, 1)))
                yield batch.filter(pa.array(flags))
        finally:
            engine.close()

    def _flags(self, ids: pa.Table) -> npt.NDArray[np.bool_]:
        columns = [column.combine_chunks() for column in ids.columns]
        absent = [column.is_null().to_numpy(zero_copy_only=False) for column in columns]
        flags = np.logical_and.reduce(absent) & self.include_unidentified
        for column, null in zip(columns, absent, strict=True):
            numbers = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.uint64)
            flags |= np.isin(numbers, self.ids) & ~null
        return np.asarray(flags)
