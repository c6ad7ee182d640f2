"""Errors in the text of a query that are known without its warehouse: invalid SQL, and anything but one SELECT."""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from connector.core.dialects import dialect_named
from connector.core.lexer import Kind, tokenize, unclosed
from connector.core.redaction import REDACTED, redact_literals
from connector.errors import Rule
from connector.sources.error_place import duckdb_place, place_of
from connector.sources.statement import NotOneSelect, check_read_only, masked

_SQLITE_SYNTAX = re.compile(r'near "(?P<near>.*)": syntax error|incomplete input|unrecognized token: .*', re.DOTALL)
_REDACTED_WORD = re.compile(rf'(?: at or)? ?\bnear "[^"]*{re.escape(REDACTED)}[^"]*"(?:: )?')
"""The word that an error points at, if it may not be shown: the place says more."""
_UNCLOSED = {
    Kind.QUOTED_TEXT: "quoted text",
    Kind.QUOTED_NAME: "quoted name",
    Kind.BLOCK_COMMENT: "comment",
}
_CLOSER = {"(": ")", "[": "]"}


class QueryFault(NamedTuple):
    """What is wrong with a query, and where in its SQL."""

    message: str
    rule: Rule
    line: int | None = None
    """From 1; None if it is not known."""
    column: int | None = None


@lru_cache(maxsize=256)
def query_fault(sql: str, dialect: str) -> QueryFault | None:
    """Return the first error in a query that needs no warehouse to be found; None if there is none.

    DuckDB and SQLite parse their SQL here. Of other known dialects, only the first word, quotation marks, comments,
    brackets and words that write are checked: no parser but their own knows all of their SQL.
    """
    if dialect_named(dialect).backslash is None:
        # What ends a quoted text is not known, nor whether it is SQL.
        return None
    try:
        if dialect == "duckdb":
            return _duckdb_fault(sql)
        if dialect != "sqlite" and (fault := _unclosed_fault(sql, dialect)):
            return fault
        check_read_only(sql, dialect)
    except NotOneSelect as error:
        line, column = place_of(sql, error.offset) if error.offset is not None else (None, None)
        return QueryFault(error.message, Rule.NOT_ONE_SELECT, line, column)
    if dialect == "sqlite":
        return _sqlite_fault(sql)
    return _bracket_fault(sql, dialect)


def _invalid(reason: str, line: int | None, column: int | None) -> QueryFault:
    words = _REDACTED_WORD.sub("", redact_literals(reason))
    return QueryFault(f"This is not valid SQL: {words}.", Rule.QUERY_SYNTAX, line, column)


def _duckdb_fault(sql: str) -> QueryFault | None:
    import duckdb

    from connector.sources.duckdb_statement import check_statement

    try:
        check_statement(_duckdb().cursor(), sql)
    except duckdb.ParserException as error:
        text = str(error)
        reason = text.partition("\n")[0].removeprefix("Parser Error: ").rstrip(".")
        return _invalid(reason, *(duckdb_place(sql, text) or (None, None)))
    except duckdb.Error:
        return None
    return None


@cache
def _duckdb():  # type: ignore[no-untyped-def]
    from connector.core.duckdb_connection import connect_isolated

    return connect_isolated()


def _sqlite_fault(sql: str) -> QueryFault | None:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"EXPLAIN {sql}")
    except sqlite3.Error as error:
        match = _SQLITE_SYNTAX.fullmatch(str(error))
        return _invalid(str(error), *_nearest(sql, match["near"])) if match else None
    finally:
        connection.close()
    return None


def _nearest(sql: str, word: str | None) -> tuple[int | None, int | None]:
    """Return the place of a word that occurs once."""
    is_quoted = word is not None and word[:1] in {"'", '"', "`", "["}
    code = sql if is_quoted else masked(sql, dialect_named("sqlite"))
    found = [match.start() for match in re.finditer(re.escape(word), code)] if word else []
    return place_of(sql, found[0]) if len(found) == 1 else (None, None)


def _unclosed_fault(sql: str, dialect: str) -> QueryFault | None:
    if found := unclosed(sql, dialect_named(dialect)):
        kind, start = found
        return _invalid(f"nothing closes this {_UNCLOSED[kind]}", *place_of(sql, start))
    return None


def _bracket_fault(sql: str, dialect: str) -> QueryFault | None:
    open_brackets: list[tuple[str, int]] = []
    position = 0
    for kind, text in tokenize(sql, dialect_named(dialect)):
        for match in re.finditer(r"[][()]", text) if kind is Kind.CODE else ():
            if match[0] in _CLOSER:
                open_brackets.append((match[0], position + match.start()))
            elif not open_brackets or _CLOSER[open_brackets.pop()[0]] != match[0]:
                return _invalid(f'nothing opens this "{match[0]}"', *place_of(sql, position + match.start()))
        position += len(text)
    if open_brackets:
        return _invalid(f'nothing closes this "{open_brackets[-1][0]}"', *place_of(sql, open_brackets[-1][1]))
    return None
