"""Rendering of a saved query to SQL text.

Every `{{ value }}` becomes a literal, whatever it contains: a value can neither end the text or comment around it,
nor merge with a neighbour, nor begin a comment with its minus sign.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import nodes

from connector.core.dialects import dialect_named
from connector.core.lexer import Kind, tokenize
from connector.errors import ConfigurationError, Problem
from connector.queries.placeholders import Placeholders
from connector.queries.query_environment import ParameterNamespace, QueryEnvironment, TemplateLocation

MAX_BRACKET_DEPTH, MAX_SET_OPERATIONS = 250, 2_000
_BRACKETS = re.compile(r"[][(){}]")
_SET_OPERATIONS = re.compile(r"\b(?:UNION|INTERSECT|EXCEPT|MINUS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunVariables:
    """The variables of the run in a query: `run.started_at`, `run.last_success_at` (None before the first)."""

    started_at: datetime
    last_success_at: datetime | None = None


def render_query(path: Path, *, dialect: str, parameters: Mapping[str, Any], run: RunVariables, target: str) -> str:
    """Render the SQL of a saved query, without semicolons at its end.

    `dialect` is SQLAlchemy's name. Raises ConfigurationError with file and line: a missing file, invalid Jinja, an
    undefined name, a value without a literal, an expression inside quotation marks, an empty query.
    """
    source = _read_query(path)
    placeholders = Placeholders(TemplateLocation(path), dialect_named(dialect))
    environment = QueryEnvironment(placeholders.output, ("parameters", "run", "target"))
    environment.filters |= {"identifier": placeholders.identifier, "join": placeholders.join}
    values = {"parameters": ParameterNamespace(parameters), "run": run, "target": target}
    sql = placeholders.substitute(environment.render(source, placeholders.location, values))
    _check_depth("".join(text for kind, text in tokenize(sql, dialect_named(dialect)) if kind is Kind.CODE), path)
    return sql


def _check_depth(code: str, path: Path) -> None:
    """Refuse what parsers take minutes for, or the whole memory."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(code):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKET_DEPTH:
        raise ConfigurationError([Problem(f"The query nests brackets more than {MAX_BRACKET_DEPTH} deep.", path)])
    if len(_SET_OPERATIONS.findall(code)) > MAX_SET_OPERATIONS:
        problem = f"The query joins more than {MAX_SET_OPERATIONS:,} SELECTs by UNION, INTERSECT or EXCEPT."
        raise ConfigurationError([Problem(problem, path)])


def render_value(text: str, *, parameters: Mapping[str, Any], target: str, location: TemplateLocation) -> Any:
    """Render a constant of a data template as a plain value.

    A text that is one expression, as `{{ parameters.event | default('Purchase') }}`, keeps the type of its
    value; any other is text. Raises ConfigurationError with the file and line of `location`.
    """
    values_written: list[Any] = []

    def output(value: Any, line: int) -> str:  # noqa: ARG001 - the line is for queries
        values_written.append(value)
        return str(value)

    environment = QueryEnvironment(output, ("parameters", "target"))
    values = {"parameters": ParameterNamespace(parameters), "target": target}
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
        problem = Problem("The query holds a NUL character; save it as plain text.", path)
    except OSError as error:
        problem = Problem(f"The query cannot be read: {error.strerror}.", path)
    except UnicodeDecodeError:
        problem = Problem("The query is not text in UTF-8.", path)
    raise ConfigurationError([problem])
