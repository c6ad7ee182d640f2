"""A saved query to SQL text.

Every `{{ value }}` becomes a literal, whatever it holds: a value can end neither the text nor the comment it
stands in, join up with a neighbour, or begin a comment with its minus sign.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import nodes

from connector.dialects import dialect_named
from connector.errors import ConfigurationError, Problem
from connector.lexer import Kind, pieces
from connector.queries.jinja import Environment, Names, Place
from connector.queries.splice import Splice

MOST_BRACKETS, MOST_SET_OPERATIONS = 250, 2_000
_BRACKETS = re.compile(r"[][(){}]")
_SET_OPERATIONS = re.compile(r"\b(?:UNION|INTERSECT|EXCEPT|MINUS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a query can know of its run: `run.started_at`, `run.last_success_at` (None before the first)."""

    started_at: datetime
    last_success_at: datetime | None = None


def render_query(path: Path, *, dialect: str, parameters: Mapping[str, Any], run: RunContext, target: str) -> str:
    """Give the SQL of a saved query, without semicolons at its end.

    `dialect` is SQLAlchemy's name. Raises ConfigurationError with file and line: no such file, Jinja that
    cannot be understood, a name that is not defined, a value without a literal, an expression inside
    quotation marks, nothing to run.
    """
    source = _read(path)
    splice = Splice(Place(path), dialect_named(dialect))
    environment = Environment(splice.output, ("parameters", "run", "target"))
    environment.filters |= {"identifier": splice.identifier, "join": splice.join}
    values = {"parameters": Names(parameters), "run": run, "target": target}
    sql = splice.finished(environment.render(source, splice.place, values))
    _check_depth("".join(text for kind, text in pieces(sql, dialect_named(dialect)) if kind is Kind.CODE), path)
    return sql


def _check_depth(code: str, path: Path) -> None:
    """Refuse what parsers take minutes for, or the whole memory."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(code):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MOST_BRACKETS:
        raise ConfigurationError([Problem(f"The query nests brackets more than {MOST_BRACKETS} deep.", path)])
    if len(_SET_OPERATIONS.findall(code)) > MOST_SET_OPERATIONS:
        problem = f"The query joins more than {MOST_SET_OPERATIONS:,} SELECTs by UNION, INTERSECT or EXCEPT."
        raise ConfigurationError([Problem(problem, path)])


def render_value(text: str, *, parameters: Mapping[str, Any], target: str, place: Place) -> Any:
    """Give the plain value of a constant in a data template.

    A text that is one expression, as `{{ parameters.event | default('Purchase') }}`, keeps the type of its
    value; any other is text. Raises ConfigurationError with the file and line of `place`.
    """
    seen: list[Any] = []

    def output(value: Any, line: int) -> str:  # noqa: ARG001 - the line is for queries
        seen.append(value)
        return str(value)

    environment = Environment(output, ("parameters", "target"))
    values = {"parameters": Names(parameters), "target": target}
    rendered = environment.render(text, place, values)
    return seen[0] if _is_one_expression(environment.parse(text)) else rendered


def _is_one_expression(template: nodes.Template) -> bool:
    match template.body:
        case [nodes.Output(nodes=[child])]:
            return not isinstance(child, nodes.TemplateData)
    return False


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" not in text:
            return text
        problem = Problem("The query holds a NUL character; save it as plain text.", path)
    except OSError as error:
        problem = Problem(f"The query cannot be read: {error.strerror}.", path)
    except UnicodeDecodeError:
        problem = Problem("The query is not text in UTF-8.", path)
    raise ConfigurationError([problem])
