"""Puts literals into rendered SQL, each where it may stand.

While Jinja renders, a literal is a mark; only in the finished text is it known whether it stands in code,
inside quotation marks or in a comment.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from jinja2 import Undefined

from connector.dialects import Dialect
from connector.lexer import Kind, pieces
from connector.queries.jinja import Place, refuse
from connector.queries.literals import Sql, Unwritable, identifier, literal

_MARK = re.compile("\0([0-9]+)\0")
_SEPARATOR = re.compile(r"\s*(?:[,.+*]|\|\|)?\s*|\s+(?:AND|OR|UNION|UNION\s+ALL|INTERSECT|EXCEPT)\s+", re.IGNORECASE)
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ADVICE = {
    Kind.QUOTED_TEXT: "write it outside of them, joined with || or concat(): it gets its own",
    Kind.QUOTED_NAME: "write a name without quotes around it, as {{ name | identifier }}",
}


class _Insert(NamedTuple):
    sql: str
    line: int


class Splice:
    """The literals of one rendering."""

    def __init__(self, place: Place, dialect: Dialect) -> None:
        self.place = place
        self._dialect = dialect
        self._inserts: list[_Insert] = []

    def output(self, value: Any, line: int) -> str:
        """Give the mark for the literal of a value; SQL stays as it is."""
        _refuse_undefined(value)
        if isinstance(value, Sql):
            return self._moved(value.text(), line)
        return self._mark(literal(value, self._dialect), line)

    def identifier(self, value: Any) -> Sql:
        """Be the filter that quotes a name."""
        _refuse_undefined(value)
        return Sql(self._mark(identifier(value, self._dialect).text(), 0))

    def join(self, values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
        """Be the filter that joins: names and SQL give SQL, anything else text that is then quoted."""
        items = [getattr(item, attribute) if attribute else item for item in values]
        if not any(isinstance(item, Sql) for item in items):
            return separator.join(map(str, items))
        if not _SEPARATOR.fullmatch(separator):
            raise Unwritable("joins SQL with something that is no comma, operator, AND, OR or UNION")
        return Sql(separator.join(self.output(item, 0) for item in items))

    def finished(self, rendered: str) -> str:
        """Put the literals in. Raises ConfigurationError for one inside quotation marks; for no query."""
        writer = _Writer()
        for kind, text in pieces(rendered, self._dialect):
            marks = list(_MARK.finditer(text))
            if marks and kind in _ADVICE:
                refuse(
                    self.place,
                    self._insert(marks[0]).line,
                    f"An expression stands inside quotation marks; {_ADVICE[kind]}",
                )
            self._write(writer, kind, text)
        sql = writer.trimmed()
        if sql is None:
            refuse(self.place, 1, "The query is empty")
        return sql

    def _write(self, writer: "_Writer", kind: Kind, text: str) -> None:
        position = 0
        for mark in _MARK.finditer(text):
            writer.add(kind, text[position : mark.start()])
            writer.insert(kind, self._insert(mark).sql)
            position = mark.end()
        writer.add(kind, text[position:])

    def _insert(self, mark: re.Match[str]) -> _Insert:
        return self._inserts[int(mark[1])]

    def _mark(self, sql: str, line: int) -> str:
        self._inserts.append(_Insert(sql, line))
        return f"\0{len(self._inserts) - 1}\0"

    def _moved(self, marked: str, line: int) -> str:
        """Note the line for marks that did not know theirs."""
        for mark in _MARK.finditer(marked):
            insert = self._insert(mark)
            self._inserts[int(mark[1])] = insert._replace(line=insert.line or line)
        return marked


def _refuse_undefined(value: object) -> None:
    """Raise for what is not defined; the one that an inline `if` gives does not raise by itself."""
    if isinstance(value, Undefined):
        str(value)
        raise Unwritable("is missing, by an if without else; write {% if … %}…{% endif %} around what depends on it")


class _Writer:
    """Text that keeps what is inserted apart from its neighbours."""

    def __init__(self) -> None:
        self._parts: list[tuple[Kind, str]] = []
        self._after_insert = False

    def add(self, kind: Kind, text: str) -> None:
        if not text:
            return
        gap = " " if self._after_insert and _clings(text[0]) else ""
        self._parts.append((kind, gap + text))
        self._after_insert = False

    def insert(self, kind: Kind, sql: str) -> None:
        if kind is Kind.LINE_COMMENT:
            sql = _LINE_ENDS.sub(" ", sql)
        elif kind is Kind.BLOCK_COMMENT:
            sql = sql.replace("*/", "* /").replace("/*", "/ *")
        before = self._parts[-1][1][-1] if self._parts else " "
        gap = " " if self._after_insert or _clings(before) else ""
        self._parts.append((kind, gap + sql))
        self._after_insert = True

    def trimmed(self) -> str | None:
        """Give the text without the semicolons at its end and what follows them; None if nothing is left."""
        parts = list(self._parts)
        kept = len(parts)
        for index in range(len(parts) - 1, -1, -1):
            kind, text = parts[index]
            if kind is Kind.CODE:
                code = text.rstrip().rstrip("; \t\r\n\f\v")
                if ";" in text[len(code) :]:
                    parts[index], kept = (kind, code), index + 1
                if code:
                    return "".join(text for _, text in parts[:kept]).strip()
            elif kind in {Kind.QUOTED_TEXT, Kind.QUOTED_NAME}:
                return "".join(text for _, text in parts[:kept]).strip()
        return None


def _clings(character: str) -> bool:
    """Whether a literal beside this character would be read together with it."""
    return character.isalnum() or character in "_$&@#\"'`\\" or not character.isascii()
