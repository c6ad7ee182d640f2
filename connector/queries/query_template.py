"""Rendering of a saved query to SQL text.

Every `{{ value }}` becomes a literal, whatever it contains: a value can neither end the text or comment around it,
nor merge with a neighbour, nor begin a comment with its minus sign.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from connector.core.dialects import dialect_named
from connector.core.lexer import Kind, tokenize
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.placeholders import Placeholders
from connector.queries.query_environment import (
    UNSET,
    ParameterNamespace,
    QueryEnvironment,
    TemplateLocation,
    jinja_problem,
)

if TYPE_CHECKING:
    from connector.queries.dbt_manifest import References

MAX_BRACKET_DEPTH, MAX_SET_OPERATIONS = 250, 2_000
_BRACKETS = re.compile(r"[][(){}]")
_MARK = re.compile("\x01([0-9]+)\x02")
_SET_OPERATIONS = re.compile(r"\b(?:UNION|INTERSECT|EXCEPT|MINUS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunVariables:
    """The variables of the run in a query: `run.started_at`, `run.last_success_at` (None before the first)."""

    started_at: datetime
    _last_success: Callable[[], datetime | None] = lambda: None
    """Reads the ledger, so it is called only for a query that asks."""

    @property
    def last_success_at(self) -> datetime | None:
        """The start of the last run that completed."""
        return self._last_success()


@dataclass(frozen=True, slots=True)
class QueryTemplate:
    """A saved query, and what it is rendered with."""

    path: Path
    dialect: str
    """The SQL dialect, by SQLAlchemy's name."""
    parameters: Mapping[str, Any]
    run: RunVariables
    target: str
    orchestration: str = ""
    """The orchestration that has the parameters, for messages."""
    references: "References | None" = None
    """`ref()` and `source()`, if the project has the manifest of dbt."""

    def render(self) -> str:
        """Return the SQL, without semicolons at its end.

        Raises ConfigurationError with file and line: a missing file, invalid Jinja, undefined names, a value without a
        literal, an expression inside quotation marks, an empty query.
        """
        sql = self._render_all(_read_query(self.path))
        dialect = dialect_named(self.dialect)
        _check_depth("".join(text for kind, text in tokenize(sql, dialect) if kind is Kind.CODE), self.path)
        return sql

    def _render_all(self, source: str) -> str:
        """Render the query; the error names every parameter that is not set."""
        problems: list[Problem] = []
        stand_ins: dict[str, Any] = {}
        while True:
            try:
                sql = self._rendered(source, stand_ins)
            except ConfigurationError as error:
                message = error.problems[0].message
                name = message.removeprefix(UNSET).split('"')[1:2] if message.startswith(UNSET) else []
                is_new = name and name[0] not in stand_ins
                # An error after the first may be one of the stand-in.
                problems += error.problems if is_new or not problems else []
                if is_new:
                    stand_ins[name[0]] = 1
                    continue
            if problems:
                raise ConfigurationError(problems)
            return sql

    def _rendered(self, source: str, stand_ins: Mapping[str, Any], *, mark_lines: bool = False) -> str:
        placeholders = Placeholders(TemplateLocation(self.path), dialect_named(self.dialect))
        environment = QueryEnvironment(placeholders.output, ("parameters", "run", "target"))
        environment.filters |= {"identifier": placeholders.identifier, "join": placeholders.join}
        parameters = ParameterNamespace(self.parameters, self.orchestration, stand_ins)
        functions = self.references.functions(placeholders.name) if self.references else {}
        values = {"parameters": parameters, "run": self.run, "target": self.target, **functions}
        return placeholders.substitute(environment.render(source, placeholders.location, values, mark_lines=mark_lines))

    def place(self, line: int, column: int | None = None) -> tuple[int, int | None]:
        """Return the line and the column of the file from which those of the rendered SQL come."""
        source = _read_query(self.path)
        marked = self._rendered(source, {}, mark_lines=True)
        plain = _MARK.sub("", marked)
        skipped = plain[: len(plain) - len(plain.lstrip())].count("\n")
        origin, at = 1, ""
        for number, text in enumerate(marked.split("\n"), 1 - skipped):
            marks = _MARK.findall(text)
            origin, at = (int(marks[0]) if marks else origin), _MARK.sub("", text)
            if number == line:
                break
            origin = int(marks[-1]) if marks else origin
        written = source.splitlines()[origin - 1 : origin]
        is_same = bool(written) and written[0].strip() == at.strip() and column is not None
        shift = len(written[0]) - len(written[0].lstrip()) if is_same and line == 1 else 0
        return origin, column + shift if is_same and column is not None else None


def syntax_problems(path: Path) -> list[Problem]:
    """Return what is wrong with a saved query whatever its parameters are."""
    try:
        problem = jinja_problem(_read_query(path), TemplateLocation(path))
    except ConfigurationError as error:
        return list(error.problems)
    return [problem] if problem else []


def render_query(path: Path, *, dialect: str, parameters: Mapping[str, Any], run: RunVariables, target: str) -> str:
    """Render the SQL of a saved query, as `QueryTemplate.render` does."""
    return QueryTemplate(path, dialect, parameters, run, target).render()


def _check_depth(code: str, path: Path) -> None:
    """Refuse what parsers take minutes for, or the whole memory."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(code):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKET_DEPTH:
        raise ConfigurationError(
            [Problem(f"The query nests brackets more than {MAX_BRACKET_DEPTH} deep.", path, rule=Rule.QUERY_SYNTAX)]
        )
    if len(_SET_OPERATIONS.findall(code)) > MAX_SET_OPERATIONS:
        problem = f"The query joins more than {MAX_SET_OPERATIONS:,} SELECTs by UNION, INTERSECT or EXCEPT."
        raise ConfigurationError([Problem(problem, path, rule=Rule.QUERY_SYNTAX)])


def render_value(
    text: str, *, parameters: Mapping[str, Any], target: str, location: TemplateLocation, orchestration: str = ""
) -> Any:
    """Render a constant of a data template as a plain value.

    A text that is one expression, as `{{ parameters.event | default('Purchase') }}`, keeps the type of its
    value; any other is text. Raises ConfigurationError with the file and line of `location`.
    """
    values_written: list[Any] = []

    def output(value: Any, line: int) -> str:  # noqa: ARG001 - the line is for queries
        values_written.append(value)
        return str(value)

    environment = QueryEnvironment(output, ("parameters", "target"))
    values = {"parameters": ParameterNamespace(parameters, orchestration), "target": target}
    rendered = environment.render(text, location, values)
    return values_written[0] if _is_one_expression(environment.parse(text)) else rendered


def _is_one_expression(template: nodes.Template) -> bool:
    match template.body:
        case [nodes.Output(nodes=[child])]:
            return not isinstance(child, nodes.TemplateData)
    return False


def _read_query(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" not in text:
            return text
        problem = Problem("The query holds a NUL character; save it as plain text.", path, rule=Rule.UNREADABLE)
    except OSError as error:
        problem = Problem(f"The query cannot be read: {error.strerror}.", path, rule=Rule.UNREADABLE)
    except UnicodeDecodeError:
        problem = Problem("The query is not text in UTF-8.", path, rule=Rule.UNREADABLE)
    raise ConfigurationError([problem])
