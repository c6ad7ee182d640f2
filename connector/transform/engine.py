"""Runs a compiled transform over slices of a query's result, on DuckDB in memory."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from connector.transform.compiler import CompiledTransform
from connector.transform.sql.functions import register


class Engine:
    """One in-memory DuckDB with one thread: rows come out in the order in which they went in.

    Not for use from several threads at once; make one for each.
    """

    def __init__(self, compiled: CompiledTransform) -> None:
        self._compiled = compiled
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        register(self._connection, compiled.rules.default_region)

    def rows(self, chunk: pa.Table) -> pa.Table:
        """The hashed rows of `chunk`, whose columns are named as the compiler expects them."""
        return self._query(self._compiled.rows_sql, {"chunk": chunk})

    def rejected_columns(self, chunk: pa.Table, row_numbers: pa.Array) -> pa.Table:
        """What is kept of the rows with these numbers: row_number and columns, a JSON object as text."""
        rejected = pa.table({"row_number": row_numbers})
        return self._query(self._compiled.rejected_sql, {"chunk": chunk, "rejected": rejected})

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _query(self, sql: str, relations: dict[str, pa.Table]) -> pa.Table:
        for name, table in relations.items():
            self._connection.register(name, table)
        try:
            return self._connection.sql(sql).to_arrow_table()
        finally:
            for name in relations:
                self._connection.unregister(name)


def chunk_of(batches: Sequence[pa.RecordBatch], indices: Sequence[int], first_row: int) -> pa.Table:
    """The columns that are read of `batches`, named c0, c1, …, and row_number counting from `first_row`."""
    import numpy as np

    table = pa.Table.from_batches(batches).select(list(indices))
    numbers = pa.array(np.arange(first_row, first_row + table.num_rows, dtype=np.int64))
    named = table.rename_columns([f"c{index}" for index in indices])
    return named.append_column("row_number", numbers)
