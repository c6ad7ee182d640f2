"""Create a DuckDB file from the SQL file of the same name, which writes to that file only."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from connector.disk import is_file
from connector.embedded import connect
from connector.errors import SourceError
from connector.sources.duckdb_errors import named_errors
from connector.sources.duckdb_statement import RUNS_SQL

Restrict = Callable[[duckdb.DuckDBPyConnection, list[str]], None]
"""Restricts a session; the texts are SQL that will run in it."""

_ALLOWED = frozenset(
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


def make(file: Path, shown: str, restrict: Restrict) -> None:
    """Create the file. Raises SourceError: no SQL file beside it, SQL that fails, SQL that writes elsewhere."""
    recipe = file.with_suffix(".sql")
    if not is_file(recipe):
        raise SourceError(
            f'The warehouse file "{shown}" does not exist, nor a {recipe.name} beside it to make it from.'
        )
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            named_errors(f"{recipe.name} could not make the warehouse"),
            connect(str(unfinished)) as connection,
        ):
            sql = recipe.read_text(encoding="utf-8")
            _check(connection, sql, recipe.name)
            restrict(connection, [sql])
            connection.execute(sql)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _check(connection: duckdb.DuckDBPyConnection, sql: str, name: str) -> None:
    for statement in connection.extract_statements(sql):
        kind, words = statement.type.name, set(_words(statement.query))
        copies_out = "COPY" in words and (kind != "COPY" or "TO" in words)
        if kind not in _ALLOWED or copies_out or any(RUNS_SQL.upper() in word for word in words):
            raise SourceError(
                f"{name} contains a statement ({kind}) that reaches beyond the warehouse file. Keep to tables, views, "
                "macros and COPY … FROM."
            )


def _words(sql: str) -> Iterator[str]:
    """Yield the keywords and the names, in capitals; names in quotes keep these."""
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [place for place, _ in tokens[1:]] + [len(text)]
    for (place, kind), end in zip(tokens, ends, strict=True):
        if kind in {duckdb.token_type.keyword, duckdb.token_type.identifier}:
            yield text[place:end].decode().strip().upper()
