"""Split SQL text into code, quoted text and names, and comments."""

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from connector.core.dialects import Dialect


class Kind(Enum):
    """The kind of a token."""

    CODE = auto()
    QUOTED_TEXT = auto()
    QUOTED_NAME = auto()
    LINE_COMMENT = auto()
    BLOCK_COMMENT = auto()


class SqlToken(NamedTuple):
    """A part of SQL of one kind, its quotes or comment signs included."""

    kind: Kind
    text: str


def tokenize(sql: str, dialect: Dialect) -> Iterator[SqlToken]:
    """Split SQL into tokens. A quotation or comment that is never closed extends to the end."""
    start = position = 0
    opener = _opener(dialect)
    while match := opener.search(sql, position):
        if match.start() > start:
            yield SqlToken(Kind.CODE, sql[start : match.start()])
        kind, end = _closed(sql, match, dialect)
        yield SqlToken(kind, sql[match.start() : end])
        start = position = end
    if start < len(sql):
        yield SqlToken(Kind.CODE, sql[start:])


def unclosed(sql: str, dialect: Dialect) -> tuple[Kind, int] | None:
    """Return the kind of the quotation or comment that nothing closes, and its start; None if there is none."""
    # What nothing closes extends to the end, one more character included.
    *_, last = tokenize(f"{sql} ", dialect)
    is_closed = last.kind in {Kind.CODE, Kind.LINE_COMMENT}
    return None if is_closed else (last.kind, len(sql) + 1 - len(last.text))


@lru_cache(maxsize=64)
def _opener(dialect: Dialect) -> re.Pattern[str]:
    """Return a pattern for the start of a quotation or comment; the name of the matching group is its form."""
    rules = [("line", "|".join(dialect.line_comments)), ("block", r"/\*")]
    if dialect.triple_quotes:
        rules.append(("triple", r"""(?P<mark3>'''|\"\"\")"""))
    if dialect.q_quotes:
        rules.append(("q", r"(?i:\bn?q)'(?P<bound>.)"))
    if dialect.dollar_quotes:
        rules.append(("dollar", r"(?<![\w$])\$(?:[^\W\d]\w*)?\$"))
    if dialect.brackets:
        rules.append(("bracket", r"\["))
    marks = "'\"`" if "`" in dialect.name_openers or dialect.backslash is None else "'\""
    if dialect.raw_text:
        rules.append(("raw", r"""(?<![\w$])[rR](?P<raw_mark>['"])"""))
    escaped = "eEbB" if dialect.name == "cockroachdb" else "eE"
    rules.append(("quote", rf"(?P<escaped>(?<![\w$])[{escaped}](?='))?(?P<mark>[{marks}])"))
    return re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in rules), re.DOTALL)


_BOUNDS = {"[": "]", "(": ")", "{": "}", "<": ">"}


def _closed(sql: str, match: re.Match[str], dialect: Dialect) -> tuple[Kind, int]:
    """Return the kind of the token that a match opens, and its end."""
    groups, end = match.groupdict(), match.end()
    if groups["line"]:
        newline = re.compile(r"[\r\n]").search(sql, end)
        return Kind.LINE_COMMENT, newline.start() if newline else len(sql)
    if groups["block"]:
        return Kind.BLOCK_COMMENT, _comment_end(sql, end, nested=dialect.nested_comments)
    if groups.get("bracket"):
        # SQLite has no sign for a closing bracket in a name.
        return Kind.QUOTED_NAME, _end(sql, end, "]", "" if dialect.name == "sqlite" else r"\]\]|")
    if groups["quote"]:
        return _quoted(sql, end, groups["mark"], dialect, escaped=bool(groups["escaped"]))
    return Kind.QUOTED_TEXT, _end(sql, end, *_closer(groups))


def _closer(groups: dict[str, str | None]) -> tuple[str, str]:
    """Return the closing sign of a quotation that only some dialects have, and the escapes to ignore before it."""
    if mark := groups.get("raw_mark"):
        return mark, ""
    if mark := groups.get("mark3"):
        return mark, r"\\.|"
    bound = groups.get("bound")
    return (_BOUNDS.get(bound, bound) + "'" if bound else groups["dollar"] or ""), ""


def _quoted(sql: str, start: int, mark: str, dialect: Dialect, *, escaped: bool) -> tuple[Kind, int]:
    """Return the kind and end of a quotation. In PostgreSQL's E'…' (`escaped`), a backslash always escapes."""
    if mark == "`" or (mark == '"' and not dialect.double_quoted_text):
        return Kind.QUOTED_NAME, _end(
            sql, start, mark, (r"\\.|" if dialect.backslash_in_names else "") + f"{mark}{mark}|"
        )
    backslash = dialect.backslash or (escaped and dialect.dollar_quotes)
    doubled = f"{mark}{mark}|" if dialect.quote_in_text == "''" else ""
    return Kind.QUOTED_TEXT, _end(sql, start, mark, (r"\\.|" if backslash else "") + doubled)


def _end(sql: str, start: int, closer: str, escapes: str = "") -> int:
    for match in re.compile(f"{escapes}(?P<closer>{re.escape(closer)})", re.DOTALL).finditer(sql, start):
        if match["closer"] is not None:
            return match.end()
    return len(sql)


def _comment_end(sql: str, start: int, *, nested: bool) -> int:
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += (1 if nested else 0) if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)
