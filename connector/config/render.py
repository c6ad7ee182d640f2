"""`{{ env.NAME }}` in the values of `orchestrations.yaml`."""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context

from connector.config.nodes import Node
from connector.config.sandbox import BoundedEnvironment

_MARKS = ("{{", "{%", "{#")


class MissingVariables(Exception):
    """The environment lacks these variables."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class _Variables:
    """Reachable as `env.NAME`; no attribute of its own, so that no variable is hidden by one."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]


class _Missing(StrictUndefined):
    """Says the variable's name alone, so that it can be read back from the error."""

    @property
    def _undefined_message(self) -> str:
        return self._undefined_name or ""


class _Environment(BoundedEnvironment):
    """Settings need no arithmetic."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's
        """Refuse it."""
        raise TypeError(operator)


# Autoescape is for HTML; these values go into settings as they are.
_JINJA = _Environment(undefined=_Missing, keep_trailing_newline=True, autoescape=False)


def has_placeholder(value: object) -> bool:
    """Whether a value is, or holds, text with something to fill in."""
    if isinstance(value, dict):
        return any(map(has_placeholder, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_placeholder, value))
    return isinstance(value, str) and any(mark in value for mark in _MARKS)


def template_fault(text: str) -> str | None:
    """Say what is wrong with a template whatever the environment holds; None if it can be filled in."""
    try:
        unknown = meta.find_undeclared_variables(_JINJA.parse(text)) - {"env"}
    except (TemplateSyntaxError, RecursionError, MemoryError, ValueError):
        return "has a placeholder that is not closed or not understood; write it as {{ env.NAME }}"
    if unknown:
        return f'asks for "{min(unknown)}"; only the environment can be used here, as {{{{ env.NAME }}}}'
    return None


def render(text: str, environ: Mapping[str, str]) -> str:
    """Fill in one text.

    Raises MissingVariables with all that it lacks, ValueError where the template fails for another reason.
    """
    stand_ins: dict[str, str] = {}
    while True:
        try:
            rendered = _JINJA.from_string(text).render(env=_Variables({**environ, **stand_ins}))
        except UndefinedError as error:
            name = str(error.message)
            if not name or name in stand_ins:
                break
            stand_ins[name] = ""
            continue
        except (
            TemplateError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            RecursionError,
            MemoryError,
        ):
            break
        if stand_ins:
            raise MissingVariables(list(stand_ins))
        return rendered
    raise ValueError("cannot be filled in; write it as {{ env.NAME }}")


def render_tree(node: Node, fill: Callable[[Node, str], str]) -> Node:
    """Fill in every text below a node; `fill` gets the node and its text."""
    value: Any = node.value
    if isinstance(value, dict):
        value = {key: render_tree(child, fill) for key, child in value.items()}
    elif isinstance(value, list):
        value = [render_tree(child, fill) for child in value]
    elif has_placeholder(value):
        return Node(fill(node, value), node.line, node.origin, template=value)
    return Node(value, node.line, node.origin)
