"""The Jinja environment of queries and template values: sandboxed, strict, and with locations in errors."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import UndefinedError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.utils import missing

from connector.config.sandbox import BoundedEnvironment
from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.literals import LiteralError, SqlText

OUTPUT_FILTER = "output of an expression"
BLOCK_FILTER = "block of SQL"
"""Names of filters, with spaces so that no template can use them."""

UNSET = "The parameter "
"""The beginning of the sentence about a parameter that is not set."""

MARK = "\x01{}\x02"
"""Stands for the line of the template on which the text behind it begins, in a rendering with `mark_lines`."""

_WITH_DBT = "write `dbt: {manifest: PATH/target/manifest.json}` at the top of orchestrations.yaml"
_ELSEWHERE = {
    "ref": f"is dbt's: {_WITH_DBT}, or the name of the table that the model builds, such as marts.orders",
    "source": f"is dbt's: {_WITH_DBT}, or the name of the table, such as raw.orders",
    "var": "is dbt's: write {{ parameters.NAME }}, and set NAME in parameters of the orchestration",
    "env_var": 'is dbt\'s: write {{ parameters.NAME }}, and in parameters of the orchestration NAME: "{{ env.NAME }}"',
    "config": "is dbt's: delete it, settings are in orchestrations.yaml",
    "this": "is dbt's: write the name of the table",
    "is_incremental": "is dbt's: compare with run.last_success_at, which is none before the first run",
    "dbt_utils": "is a package of dbt: write the SQL itself",
    "adapter": "is dbt's: write the SQL itself",
    "env": 'is not here: write {{ parameters.NAME }}, and in parameters of the orchestration NAME: "{{ env.NAME }}"',
    "ds": "is Airflow's: write {{ run.started_at }}",
    "params": "is Airflow's: write {{ parameters.NAME }}, and set NAME in parameters of the orchestration",
    "macros": "is Airflow's: write the SQL itself",
    "dag_run": "is Airflow's: write {{ run.started_at }}",
}
"""Names that templates of other programs have, and what to write instead."""


class ReferenceFault(ValueError):
    """A model or source of dbt cannot be read. The message is a sentence without its full stop."""


class TemplateLocation(NamedTuple):
    """The location of a template, for its errors."""

    file: Path
    line: int = 1


class ParameterNamespace:
    """Parameters as `parameters.x`; no attribute of the class hides one.

    `owner` is the orchestration that has them. `stand_ins` are values of parameters that are not set.
    """

    __slots__ = ("_stand_ins", "_values", "owner")

    def __init__(self, values: Mapping[str, Any], owner: str = "", stand_ins: Mapping[str, Any] | None = None) -> None:
        self._values, self.owner, self._stand_ins = values, owner, stand_ins or {}

    def __getitem__(self, name: str) -> Any:
        return self._values[name] if name in self._values else self._stand_ins[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class UndefinedName(StrictUndefined):
    """An undefined name, whose error suggests a similar one."""

    root: tuple[str, ...] = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if isinstance(self._undefined_obj, ParameterNamespace):
            return _unset(name, self._undefined_obj)
        if self._undefined_obj is missing and name in _ELSEWHERE:
            return f'"{name}" {_ELSEWHERE[name]}'
        if isinstance(self._undefined_obj, str):
            return f'"{name}" is not defined: the value before it is text, such as the name of the target'
        names = [*getattr(self._undefined_obj, "__match_args__", self.root)]
        return f'"{name}" is not defined{_suggestion(did_you_mean(name, names), names)}'


def _unset(name: str, parameters: ParameterNamespace) -> str:
    if hint := did_you_mean(name, parameters):
        return f'{UNSET}"{name}" is not set.{hint}'
    owner = f'the orchestration "{parameters.owner}"' if parameters.owner else "the orchestration"
    return f'{UNSET}"{name}" is not set{_suggestion("", list(parameters))}: add it to parameters of {owner}'


def _suggestion(hint: str, names: list[str]) -> str:
    return f".{hint}" if hint else f" (there is {', '.join(names)})" if names else ""


class QueryEnvironment(BoundedEnvironment):
    """Treats the output of macros and `{% set %}` blocks as SQL, and passes values of `{{ }}` through `output`.

    `output` takes the value and its line; `names` are those that the template may use.
    """

    def __init__(self, output: Callable[[Any, int], str], names: tuple[str, ...]) -> None:
        # Autoescape is for HTML; `output` does the quoting. Not optimized, so that errors have their own line.
        undefined = type("Undefined", (UndefinedName,), {"root": names})
        super().__init__(undefined=undefined, autoescape=False, keep_trailing_newline=True, optimized=False)
        self.filters[BLOCK_FILTER] = SqlText

        @pass_context  # or Jinja would evaluate constants beforehand
        def output_filter(_: Context, value: Any, line: int) -> str:
            return output(value, line)

        self.filters[OUTPUT_FILTER] = output_filter

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Mark the output of a macro, a block or a recursive loop as SQL."""
        result = super().call(__context, __obj, *args, **kwargs)
        is_sql = isinstance(__obj, Macro | BlockReference | LoopContext) and isinstance(result, str)
        return SqlText(result) if is_sql else result

    def render(
        self, source: str, location: TemplateLocation, values: Mapping[str, Any], *, mark_lines: bool = False
    ) -> str:
        """Render a template; with `mark_lines`, the output has MARK at the beginning of each line of the template.

        Raises ConfigurationError with the file, the line and the column.
        """
        line: int | None = 1
        rule = Rule.QUERY_TEMPLATE
        try:
            tree = _add_filters(self.parse(source))
            if mark_lines:
                _mark_lines(tree)
            template = self.template_class.from_code(
                self, self.compile(tree, filename=str(location.file)), self.make_globals(None)
            )
            return template.render(**values)
        except TemplateSyntaxError as error:
            line, sentence = error.lineno, f"This is not valid Jinja: {error.message}"
        except UndefinedError as error:
            line, sentence = _template_line(error.__traceback__, location), str(error.message)
            rule = Rule.MISSING_VALUE if sentence.startswith(UNSET) else rule
        except ReferenceFault as error:
            line, sentence, rule = _template_line(error.__traceback__, location), str(error), Rule.DBT
        except LiteralError as error:
            line, sentence = _template_line(error.__traceback__, location), f"The value written here {error}"
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            line, sentence = _template_line(error.__traceback__, location), f"This cannot be filled in: {error}"
        except (RecursionError, MemoryError):
            sentence = "This cannot be filled in: it nests too deep, or takes too much memory"
        raise ConfigurationError([_build_problem(location, line or 1, sentence, _column(source, line, sentence), rule)])


def jinja_problem(source: str, location: TemplateLocation) -> Problem | None:
    """Return the syntax error of a template, whatever its values are; None if there is none."""
    try:
        QueryEnvironment(lambda value, _: str(value), ()).parse(source)
    except TemplateSyntaxError as error:
        sentence = f"This is not valid Jinja: {error.message}"
        return _build_problem(location, error.lineno, sentence, _column(source, error.lineno, sentence))
    return None


def _column(source: str, line: int | None, sentence: str) -> int | None:
    """Return the column of the name that a sentence quotes, else of the first expression of the line."""
    lines = source.splitlines()
    if line is None or not 0 < line <= len(lines):
        return None
    quoted = re.search(r'"(\w+)"', sentence)
    match = quoted and re.search(rf"\b{quoted[1]}\b", lines[line - 1])
    match = match or re.search(r"\{[{%#]|\S", lines[line - 1])
    return match.start() + 1 if match else 1


def _mark_lines(tree: nodes.Template) -> None:
    """Put MARK at the beginning of each line of the template's text."""
    for data in tree.find_all(nodes.TemplateData):
        lines = data.data.split("\n")
        data.data = "\n".join(MARK.format(data.lineno + number) + text for number, text in enumerate(lines))


def _add_filters(tree: nodes.Template) -> nodes.Template:
    """Add OUTPUT_FILTER to every `{{ expression }}`, and mark every `{% set %}` block as SQL."""
    for output in list(tree.find_all(nodes.Output)):
        output.nodes = [
            child if isinstance(child, nodes.TemplateData) else _filter_node(child, OUTPUT_FILTER, child.lineno)
            for child in output.nodes
        ]
    for block in list(tree.find_all(nodes.AssignBlock)):
        block.filter = _filter_node(block.filter, BLOCK_FILTER)
    return tree.set_environment(tree.environment)  # type: ignore[return-value, arg-type]


def _filter_node(node: nodes.Expr | None, name: str, *arguments: object) -> nodes.Filter:
    constants: list[nodes.Expr] = [nodes.Const(argument) for argument in arguments]
    return nodes.Filter(node, name, constants, [], None, None, lineno=node.lineno if node else 1)


def _build_problem(
    location: TemplateLocation, line: int, sentence: str, column: int | None = None, rule: Rule = Rule.QUERY_TEMPLATE
) -> Problem:
    end = "" if sentence.endswith(("?", ".")) else "."
    return Problem(f"{sentence}{end}", location.file, location.line + line - 1, column, rule)


def _template_line(traceback: TracebackType | None, location: TemplateLocation) -> int:
    """Return the line of the template that was being rendered; Jinja puts it into the traceback."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(location.file):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def raise_problem(location: TemplateLocation, line: int, sentence: str) -> NoReturn:
    """Raise ConfigurationError for a line of the template."""
    raise ConfigurationError([_build_problem(location, line, sentence)])
