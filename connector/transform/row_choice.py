"""Goes through a result again for the rows that were left out before.

A row is known again by its event_id or order_id. Rows that have neither cannot be, so where such rows were left out
all of them are chosen: what was delivered of them is known by its key.
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
from connector.transform.engine import Engine, chunk_of
from connector.transform.sql.text import ID_LENGTH, id_number

_EVENT, *_ORDER = (
    f"json_extract_string(columns, '{path}')" for path in ("$.event_id", "$.order_id", "$.properties.order_id")
)
"""Where the ids stand in what is kept of a row that was left out."""

_NAMED = f"NOT regexp_full_match({_EVENT}, '[0-9a-f]{{{ID_LENGTH}}}')"
"""Whether the row itself had an event_id: such a one is most likely derived from the rest of the row."""


@dataclass(frozen=True, slots=True)
class RowChoice:
    """The ids, as sorted numbers, of the rows to go through; with `nameless` also all rows that have no id."""

    ids: npt.NDArray[np.uint64]
    nameless: bool

    @classmethod
    def like(cls, excluded: Iterable[pa.RecordBatch]) -> Self:
        """The rows that were left out (schema EXCLUDED_ROW), wherever they stand now."""
        ids, nameless = [np.empty(0, np.uint64)], False
        numbers = f"list_transform([{', '.join((_EVENT, *_ORDER))}], lambda x: {id_number('x')})"
        named = f"coalesce({_NAMED}, false) OR coalesce({', '.join(_ORDER)}) IS NOT NULL"
        sql = f"SELECT list_distinct({numbers}) AS ids, {named} AS named FROM rows"
        with connect_isolated() as connection:
            for batch in excluded:
                connection.register("rows", pa.table(batch))
                found = connection.sql(sql).to_arrow_table()
                lists = found["ids"].combine_chunks()
                ids.append(np.unique(lists.flatten().to_numpy(zero_copy_only=False)).astype(np.uint64))
                nameless |= not pc.all(found["named"], min_count=0).as_py()
        return cls(np.unique(np.concatenate(ids)), nameless)

    def among(self, batches: Iterable[pa.RecordBatch], compiled: CompiledTransform) -> Iterator[pa.RecordBatch]:
        """Those of a result's rows that are chosen, in their order."""
        engine = Engine(compiled)
        try:
            for batch in batches:
                chosen = self._chosen(engine.ids(chunk_of([batch], compiled.cleaning, 1)))
                yield batch.filter(pa.array(chosen))
        finally:
            engine.close()

    def _chosen(self, ids: pa.Table) -> npt.NDArray[np.bool_]:
        columns = [column.combine_chunks() for column in ids.columns]
        absent = [column.is_null().to_numpy(zero_copy_only=False) for column in columns]
        chosen = np.logical_and.reduce(absent) & self.nameless
        for column, null in zip(columns, absent, strict=True):
            numbers = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.uint64)
            chosen |= np.isin(numbers, self.ids) & ~null
        return np.asarray(chosen)
