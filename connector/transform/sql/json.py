"""Write JSON strings and the members of objects."""

import json
from collections.abc import Iterable

from connector.transform.sql.functions import JSON_TEXT
from connector.transform.sql.text import quote


def json_text(column: str) -> str:
    """Return `column` as a JSON string, NULL for NULL, in the bytes that other JSON libraries write.

    DuckDB escapes control characters in capitals, others do not: they are rare, and looking for them is cheap.
    """
    return f"CASE WHEN contains(to_json({column}), '\\u00') THEN {JSON_TEXT}({column}) ELSE to_json({column}) END"


def members(columns: Iterable[tuple[str, str]]) -> str:
    """Return the arguments of `concat` for the members of an object, each a name and the column with its JSON.

    A member whose column is NULL is omitted. Names are selected rather than joined to their values, since every
    joining copies: three quarters of what `concat_ws` of joined members takes.
    """
    pieces: list[str] = []
    before: list[str] = []
    for name, column in columns:
        first = quote(f"{_name(name)}:")
        if before:
            first = f"CASE WHEN {' OR '.join(before)} THEN {quote(f',{_name(name)}:')} ELSE {first} END"
        pieces += [f"CASE WHEN {column} IS NULL THEN '' ELSE {first} END", column]
        before.append(f"{column} IS NOT NULL")
    return ", ".join(pieces) or "''"


def later_members(columns: Iterable[tuple[str, str]]) -> list[str]:
    """Return the arguments of `concat` for members that follow others, with a comma before each."""
    return [
        piece
        for name, column in columns
        for piece in (f"CASE WHEN {column} IS NULL THEN '' ELSE {quote(f',{_name(name)}:')} END", column)
    ]


def _name(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
