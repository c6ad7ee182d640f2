"""Read from the error of a warehouse where in its query the error is."""

import re

Place = tuple[int, int | None]
"""A line and a column, from 1. The column is None if it is not known."""

_DUCKDB = re.compile(r"\n\nLINE (?P<line>\d+): (?P<text>[^\n]*)\n(?P<mark> *)\^")
_FROM_ZERO = re.compile(r"\bline (?P<line>\d+)(?: at position |,? pos )(?P<column>\d+)")
"""As Snowflake and Databricks count columns."""
_FROM_ONE = re.compile(r"\bline (?P<line>\d+)(?:, col |:)(?P<column>\d+)|(?<= at )\[(?P<line2>\d+):(?P<column2>\d+)\]")
"""As Trino, ClickHouse and BigQuery write places."""
_LINE_ONLY = re.compile(r"\bat line (?P<line>\d+)\W*\Z|\bLine (?P<line2>\d+)\b")
"""As MySQL ends its messages, and SQL Server."""


def duckdb_place(sql: str, text: str) -> Place | None:
    """Return the place that DuckDB shows as a part of the line, with dots for what it omits of a long one."""
    place = _DUCKDB.search(text)
    if place is None:
        return None
    line, offset = int(place["line"]), len(place["mark"]) - len(f"LINE {place['line']}: ")
    lines = sql.split("\n")
    shown = place["text"].removeprefix("...").removesuffix("...")
    start = lines[line - 1].find(shown) if 0 < line <= len(lines) else -1
    column = start + offset - 3 * place["text"].startswith("...") + 1
    return line, column if start >= 0 and column > 0 else None


def named_place(sql: str, text: str) -> Place | None:
    """Return the place that a message names in words, if the query has such a line."""
    for pattern, first in ((_FROM_ZERO, 0), (_FROM_ONE, 1), (_LINE_ONLY, None)):
        match = pattern.search(text)
        if match is None:
            continue
        groups = {name.removesuffix("2"): int(number) for name, number in match.groupdict().items() if number}
        line, column = groups["line"], groups["column"] + 1 - first if first is not None else None
        return (line, column) if 0 < line <= sql.count("\n") + 1 else None
    return None


def place_of(sql: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of a character."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
