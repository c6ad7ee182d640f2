"""Keeps what is no query from warehouses that would carry it out."""

import re

from connector.errors import SourceError

_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_BEFORE = re.compile(r"(?:[\s(]|(?:--|//|#)[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"\w*")


def not_one_query() -> SourceError:
    """The error for anything but one SELECT statement."""
    return SourceError("The query has to be one SELECT statement and nothing else.")


def refuse_other_statements(sql: str) -> None:
    """Looks at the first word. What begins as a query does and goes on otherwise is left to a read-only transaction.

    Raises SourceError.
    """
    start = _BEFORE.match(sql)
    word = _WORD.match(sql, start.end() if start else 0)
    if word is None or word[0].upper() not in _QUERIES:
        raise not_one_query()
