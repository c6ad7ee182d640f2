"""Write DuckDB files through one database of this process: opening one for each file takes four times as long."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@contextmanager
def writing(file: Path, *, row_group: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a file, creating it if it is missing; what is executed meanwhile is about its tables.

    `row_group` is the rows of a row group, if not as many as usual.
    """
    connection = _database()
    path = str(file).replace("'", "''")
    options = f" (ROW_GROUP_SIZE {row_group})" if row_group else ""
    connection.execute(f"ATTACH '{path}' AS attached{options}")
    try:
        connection.execute("USE attached")
        yield connection
    finally:
        connection.execute("USE memory")
        connection.execute("DETACH attached")
