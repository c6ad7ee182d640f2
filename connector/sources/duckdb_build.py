"""Creation of a DuckDB file from the SQL file of the same name, which may write to that file only."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from connector.core.disk import is_file
from connector.core.duckdb_connection import connect
from connector.errors import SourceError
from connector.sources.driver_errors import missing_file_hint
from connector.sources.duckdb_errors import translate_errors
from connector.sources.duckdb_statement import RUNS_SQL

Restrict = Callable[[duckdb.DuckDBPyConnection, list[str]], None]
"""Restricts a session; the texts are SQL that will run in it."""

_ALLOWED_STATEMENTS = frozenset(
    {
        "ALTER",
        "COPY",
        "CREATE",
        "DELETE",
        "DROP",
        "INSERT",
        "MERGE_INTO",
        "MULTI",
        "SELECT",
        "SET",
        "TRANSACTION",
        "UPDATE",
        "VACUUM",
    }
)


def build_database(file: Path, display_name: str, restrict: Restrict, directory: Path) -> None:
    """Create the file. Raises SourceError: no SQL file beside it, SQL that fails, SQL that writes elsewhere."""
    sql_file = file.with_suffix(".sql")
    if not is_file(sql_file):
        raise SourceError(
            f'The warehouse file "{display_name}" does not exist, nor a {sql_file.name} beside it to build it from.'
            f"{missing_file_hint(file, directory)}"
        )
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            translate_errors(f"{sql_file.name} could not make the warehouse"),
            connect(str(unfinished)) as connection,
        ):
            sql = sql_file.read_text(encoding="utf-8")
            _check_statements(connection, sql, sql_file.name)
            restrict(connection, [sql])
            connection.execute(sql)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_statements(connection: duckdb.DuckDBPyConnection, sql: str, name: str) -> None:
    for statement in connection.extract_statements(sql):
        kind, words = statement.type.name, set(_keywords(statement.query))
        copies_out = "COPY" in words and (kind != "COPY" or "TO" in words)
        if kind not in _ALLOWED_STATEMENTS or copies_out or any(RUNS_SQL.upper() in word for word in words):
            raise SourceError(
                f"{name} contains a statement ({kind}) that reaches beyond the warehouse file. Keep to tables, views, "
                "macros and COPY … FROM."
            )


def _keywords(sql: str) -> Iterator[str]:
    """Yield the keywords and the names in upper case; names in quotes keep the quotes."""
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(text)]
    for (start, kind), end in zip(tokens, ends, strict=True):
        if kind in {duckdb.token_type.keyword, duckdb.token_type.identifier}:
            yield text[start:end].decode().strip().upper()
