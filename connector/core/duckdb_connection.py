"""Open DuckDB so that it never downloads or loads an extension."""

from collections.abc import Mapping

import duckdb

_WITHOUT_EXTENSIONS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_ISOLATED = {"enable_external_access": "false", "temp_directory": ""}


def connect(
    file: str = ":memory:", *, read_only: bool = False, config: Mapping[str, str | int] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a database. Raises duckdb.Error."""
    return duckdb.connect(file, read_only=read_only, config={**_WITHOUT_EXTENSIONS, **(config or {})})


def connect_isolated(threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that accesses no files and no network, only registered tables.

    It writes nothing to disk.
    """
    return connect(config={"threads": threads, **_ISOLATED})
