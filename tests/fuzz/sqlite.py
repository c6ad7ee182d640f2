"""The rows of a table as SQLite gives them, where each cell may be of another type."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.sources.registry import open_source
from tests.sources.warehouses import warehouse

EVERY = 5
"""Of so many cells of a column one is that of the column beside it."""


def through_sqlite(table: pa.Table, folder: Path) -> pa.Table:
    """Write a table into a file, and read it as a warehouse. Raises SourceError."""
    columns = [_values(column) for column in table.columns]
    cells = [
        [columns[(place + (row % EVERY == EVERY - 1)) % len(columns)][row] for place in range(len(columns))]
        for row in range(table.num_rows)
    ]
    names = ", ".join(f'"{name}"' for name in table.column_names)
    path = folder / "rows.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE t ({names})")
        for number, row in enumerate(cells):
            places = ", ".join("CAST(? AS TEXT)" if isinstance(one, bytes) and number % 2 else "?" for one in row)
            connection.execute(f"INSERT INTO t VALUES ({places})", row)
        connection.commit()
    with open_source(warehouse("sqlite:///rows.sqlite"), folder) as source, source.execute("SELECT * FROM t") as result:
        return pa.Table.from_batches(result.batches(), result.schema)


def _values(column: pa.ChunkedArray) -> list[Any]:
    try:
        values = column.to_pylist()
    except (UnicodeDecodeError, ValueError, OverflowError):
        values = (
            [column[row].as_buffer() for row in range(len(column))]
            if pa.types.is_string(column.type)
            else [None] * len(column)
        )
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, pa.Buffer):
        return value.to_pybytes()
    if value is None or isinstance(value, str | float | bytes):
        return value
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else str(value)
