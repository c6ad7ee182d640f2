"""Placeholders for literals in rendered SQL, replaced according to their position.

While Jinja renders, a literal is a placeholder; only the finished text shows whether it is in code, inside quotation
marks or in a comment.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from jinja2 import Undefined

from connector.core.dialects import Dialect
from connector.core.lexer import Kind, tokenize
from connector.queries.literals import LiteralError, SqlText, identifier, literal
from connector.queries.query_environment import TemplateLocation, raise_problem

_PLACEHOLDER = re.compile("\0([0-9]+)\0")
_SEPARATOR = re.compile(r"\s*(?:[,.+*]|\|\|)?\s*|\s+(?:AND|OR|UNION|UNION\s+ALL|INTERSECT|EXCEPT)\s+", re.IGNORECASE)
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ADVICE = {
    Kind.QUOTED_TEXT: "write it outside of them, joined with || or concat(): it gets its own",
    Kind.QUOTED_NAME: "write a name without quotes around it, as {{ name | identifier }}",
}


class _Insert(NamedTuple):
    sql: str
    line: int


class Placeholders:
    """The literals of one rendering."""

    def __init__(self, location: TemplateLocation, dialect: Dialect) -> None:
        self.location = location
        self._dialect = dialect
        self._inserts: list[_Insert] = []

    def output(self, value: Any, line: int) -> str:
        """Return the placeholder for the literal of a value; SQL is returned unchanged."""
        _check_defined(value)
        if isinstance(value, SqlText):
            return self._set_line(value.text(), line)
        return self._add(literal(value, self._dialect), line)

    def identifier(self, value: Any) -> SqlText:
        """Quote a name; a filter."""
        _check_defined(value)
        return SqlText(self._add(identifier(value, self._dialect).text(), 0))

    def name(self, sql: str) -> SqlText:
        """Return a name that is SQL already, which cannot stand inside quotation marks."""
        return SqlText(self._add(sql, 0))

    def join(self, values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
        """Join items; a filter. Names and SQL give SQL, anything else text that is then quoted."""
        items = [getattr(item, attribute) if attribute else item for item in values]
        if not any(isinstance(item, SqlText) for item in items):
            return separator.join(map(str, items))
        if not _SEPARATOR.fullmatch(separator):
            raise LiteralError("joins SQL with something other than a comma, operator, AND, OR or UNION")
        return SqlText(separator.join(self.output(item, 0) for item in items))

    def substitute(self, rendered: str) -> str:
        """Insert the literals. Raises ConfigurationError for one inside quotation marks, and for an empty query."""
        writer = _SqlWriter()
        for kind, text in tokenize(rendered, self._dialect):
            placeholders = list(_PLACEHOLDER.finditer(text))
            if placeholders and kind in _ADVICE:
                raise_problem(
                    self.location,
                    self._insert(placeholders[0]).line,
                    f"An expression stands inside quotation marks; {_ADVICE[kind]}",
                )
            self._write(writer, kind, text)
        sql = writer.trim()
        if sql is None:
            raise_problem(self.location, 1, "The query is empty")
        return sql

    def _write(self, writer: "_SqlWriter", kind: Kind, text: str) -> None:
        position = 0
        for placeholder in _PLACEHOLDER.finditer(text):
            writer.add(kind, text[position : placeholder.start()])
            writer.insert(kind, self._insert(placeholder).sql)
            position = placeholder.end()
        writer.add(kind, text[position:])

    def _insert(self, placeholder: re.Match[str]) -> _Insert:
        return self._inserts[int(placeholder[1])]

    def _add(self, sql: str, line: int) -> str:
        self._inserts.append(_Insert(sql, line))
        return f"\0{len(self._inserts) - 1}\0"

    def _set_line(self, sql: str, line: int) -> str:
        """Set the line of placeholders without one."""
        for placeholder in _PLACEHOLDER.finditer(sql):
            insert = self._insert(placeholder)
            self._inserts[int(placeholder[1])] = insert._replace(line=insert.line or line)
        return sql


def _check_defined(value: object) -> None:
    """Raise if a value is undefined; that of an inline `if` without else does not raise by itself."""
    if isinstance(value, Undefined):
        str(value)
        raise LiteralError("is missing, by an if without else; write {% if … %}…{% endif %} around what depends on it")


class _SqlWriter:
    """Joins text and literals, with spaces that keep them apart."""

    def __init__(self) -> None:
        self._parts: list[tuple[Kind, str]] = []
        self._after_insert = False

    def add(self, kind: Kind, text: str) -> None:
        if not text:
            return
        gap = " " if self._after_insert and _needs_space(text[0]) else ""
        self._parts.append((kind, gap + text))
        self._after_insert = False

    def insert(self, kind: Kind, sql: str) -> None:
        if kind is Kind.LINE_COMMENT:
            sql = _LINE_ENDS.sub(" ", sql)
        elif kind is Kind.BLOCK_COMMENT:
            sql = sql.replace("*/", "* /").replace("/*", "/ *")
        before = self._parts[-1][1][-1] if self._parts else " "
        gap = " " if self._after_insert or _needs_space(before) else ""
        self._parts.append((kind, gap + sql))
        self._after_insert = True

    def trim(self) -> str | None:
        """Return the text without trailing semicolons and what follows them; None if nothing is left."""
        parts = list(self._parts)
        length = len(parts)
        for index in range(len(parts) - 1, -1, -1):
            kind, text = parts[index]
            if kind is Kind.CODE:
                code = text.rstrip().rstrip("; \t\r\n\f\v")
                if ";" in text[len(code) :]:
                    parts[index], length = (kind, code), index + 1
                if code:
                    return "".join(text for _, text in parts[:length]).strip()
            elif kind in {Kind.QUOTED_TEXT, Kind.QUOTED_NAME}:
                return "".join(text for _, text in parts[:length]).strip()
        return None


def _needs_space(character: str) -> bool:
    """Test whether a literal beside this character would be read together with it."""
    return character.isalnum() or character in "_$&@#\"'`\\" or not character.isascii()
