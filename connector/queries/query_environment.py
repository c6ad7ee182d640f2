"""The Jinja environment of queries and template values: sandboxed, strict, and with locations in errors."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import UndefinedError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro

from connector.config.sandbox import BoundedEnvironment
from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, Problem
from connector.queries.literals import LiteralError, SqlText

OUTPUT_FILTER = "output of an expression"
BLOCK_FILTER = "block of SQL"
"""Names of filters, with spaces so that no template can use them."""


class TemplateLocation(NamedTuple):
    """The location of a template, for its errors."""

    file: Path
    line: int = 1


class ParameterNamespace:
    """Parameters as `parameters.x`; no attribute of the class hides one."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

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
            names = list(self._undefined_obj)
            return f'The parameter "{name}" is not set{_suggestion(did_you_mean(name, names), names)}'
        names = [*getattr(self._undefined_obj, "__match_args__", self.root)]
        return f'"{name}" is not defined{_suggestion(did_you_mean(name, names), names)}'


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

    def render(self, source: str, location: TemplateLocation, values: Mapping[str, Any]) -> str:
        """Render a template. Raises ConfigurationError with the file and the line."""
        problem: Problem
        try:
            tree = self.parse(source)
            template = self.template_class.from_code(
                self, self.compile(_add_filters(tree), filename=str(location.file)), self.make_globals(None)
            )
            return template.render(**values)
        except TemplateSyntaxError as error:
            problem = _build_problem(location, error.lineno, f"This is not valid Jinja: {error.message}")
        except UndefinedError as error:
            problem = _build_problem(location, _template_line(error.__traceback__, location), str(error.message))
        except LiteralError as error:
            problem = _build_problem(
                location, _template_line(error.__traceback__, location), f"The value written here {error}"
            )
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            problem = _build_problem(
                location, _template_line(error.__traceback__, location), f"This cannot be filled in: {error}"
            )
        except (RecursionError, MemoryError):
            problem = _build_problem(
                location, 1, "This cannot be filled in: it nests too deep, or takes too much memory"
            )
        raise ConfigurationError([problem])


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


def _build_problem(location: TemplateLocation, line: int, sentence: str) -> Problem:
    end = "" if sentence.endswith(("?", ".")) else "."
    return Problem(f"{sentence}{end}", location.file, location.line + line - 1)


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
