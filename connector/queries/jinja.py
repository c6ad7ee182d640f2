"""The Jinja that queries and template values are written in: sandboxed, strict, and told where it stands."""

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
from connector.queries.literals import Sql, Unwritable

OUTPUT = "output of an expression"
BLOCK = "block of SQL"
"""Filters that no template can name, since the names have spaces."""


class Place(NamedTuple):
    """Where a template stands, for its errors."""

    file: Path
    line: int = 1


class Names:
    """Values reachable as `parameters.x`, whatever x is: no attribute of its own hides one."""

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


class Undefined(StrictUndefined):
    """Says what is not defined, and what was probably meant."""

    root: tuple[str, ...] = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if isinstance(self._undefined_obj, Names):
            known = list(self._undefined_obj)
            return f'The parameter "{name}" is not set{_ending(did_you_mean(name, known), known)}'
        known = [*getattr(self._undefined_obj, "__match_args__", self.root)]
        return f'"{name}" is not defined{_ending(did_you_mean(name, known), known)}'


def _ending(hint: str, known: list[str]) -> str:
    return f".{hint}" if hint else f" (there is {', '.join(known)})" if known else ""


class Environment(BoundedEnvironment):
    """What a macro or a `{% set %}` block writes is SQL already; what `{{ }}` writes goes through `output`.

    `output` gets the value and its line; `names` are those that the template may use.
    """

    def __init__(self, output: Callable[[Any, int], str], names: tuple[str, ...]) -> None:
        # Autoescape is for HTML; `output` does the quoting. Not optimized: what fails, fails at its line.
        undefined = type("Undefined", (Undefined,), {"root": names})
        super().__init__(undefined=undefined, autoescape=False, keep_trailing_newline=True, optimized=False)
        self.filters[BLOCK] = Sql

        @pass_context  # or Jinja would evaluate constants beforehand
        def output_filter(_: Context, value: Any, line: int) -> str:
            return output(value, line)

        self.filters[OUTPUT] = output_filter

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Mark what is written by a macro, a block or a recursive loop."""
        result = super().call(__context, __obj, *args, **kwargs)
        is_sql = isinstance(__obj, Macro | BlockReference | LoopContext) and isinstance(result, str)
        return Sql(result) if is_sql else result

    def render(self, source: str, place: Place, values: Mapping[str, Any]) -> str:
        """Fill in a template. Raises ConfigurationError with the file and the line."""
        problem: Problem
        try:
            tree = self.parse(source)
            template = self.template_class.from_code(
                self, self.compile(_through_filters(tree), filename=str(place.file)), self.make_globals(None)
            )
            return template.render(**values)
        except TemplateSyntaxError as error:
            problem = _problem(place, error.lineno, f"This is not Jinja as it stands: {error.message}")
        except UndefinedError as error:
            problem = _problem(place, _line(error.__traceback__, place), str(error.message))
        except Unwritable as error:
            problem = _problem(place, _line(error.__traceback__, place), f"The value written here {error}")
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            problem = _problem(place, _line(error.__traceback__, place), f"This cannot be filled in: {error}")
        except (RecursionError, MemoryError):
            problem = _problem(place, 1, "This cannot be filled in: it nests too deep, or takes too much memory")
        raise ConfigurationError([problem])


def _through_filters(tree: nodes.Template) -> nodes.Template:
    """Send every `{{ expression }}` through OUTPUT, and mark every `{% set %}` block as SQL."""
    for output in list(tree.find_all(nodes.Output)):
        output.nodes = [
            child if isinstance(child, nodes.TemplateData) else _filtered(child, OUTPUT, child.lineno)
            for child in output.nodes
        ]
    for block in list(tree.find_all(nodes.AssignBlock)):
        block.filter = _filtered(block.filter, BLOCK)
    return tree.set_environment(tree.environment)  # type: ignore[return-value, arg-type]


def _filtered(node: nodes.Expr | None, name: str, *arguments: object) -> nodes.Filter:
    constants: list[nodes.Expr] = [nodes.Const(argument) for argument in arguments]
    return nodes.Filter(node, name, constants, [], None, None, lineno=node.lineno if node else 1)


def _problem(place: Place, line: int, sentence: str) -> Problem:
    end = "" if sentence.endswith(("?", ".")) else "."
    return Problem(f"{sentence}{end}", place.file, place.line + line - 1)


def _line(traceback: TracebackType | None, place: Place) -> int:
    """Give the line of the template that was being filled in; Jinja puts it into the traceback."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(place.file):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def refuse(place: Place, line: int, sentence: str) -> NoReturn:
    """Raise ConfigurationError for a line of the template."""
    raise ConfigurationError([_problem(place, line, sentence)])
