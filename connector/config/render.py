"""Placeholders such as `{{ env.NAME }}` in the values of `orchestrations.yaml`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context

from connector.config.nodes import Node
from connector.config.sandbox import BoundedEnvironment

_MARKS = ("{{", "{%", "{#")


class MissingVariables(Exception):
    """Variables that are not set in the environment."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class _Variables:
    """The variables as `env.NAME`. Has no attributes of its own, which would hide variables."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]


class _Missing(StrictUndefined):
    """An undefined variable whose error message is its name, to be read back from there."""

    @property
    def _undefined_message(self) -> str:
        return self._undefined_name or ""


class _Environment(BoundedEnvironment):
    """A sandbox without arithmetic, which settings do not need."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's
        """Refuse every operator."""
        raise TypeError(operator)


# Autoescape is for HTML; these values go into settings as they are.
_JINJA = _Environment(undefined=_Missing, keep_trailing_newline=True, autoescape=False)


def has_placeholder(value: object) -> bool:
    """Return true if a value is, or contains, text with a placeholder."""
    if isinstance(value, dict):
        return any(map(has_placeholder, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_placeholder, value))
    return isinstance(value, str) and any(mark in value for mark in _MARKS)


def template_fault(text: str) -> str | None:
    """Return what is wrong with a template whatever the environment contains; None if it is valid."""
    try:
        unknown = meta.find_undeclared_variables(_JINJA.parse(text)) - {"env"}
    except (TemplateSyntaxError, RecursionError, MemoryError, ValueError):
        return "has a placeholder that is not closed or not understood; write it as {{ env.NAME }}"
    if unknown:
        return f'asks for "{min(unknown)}"; only the environment can be used here, as {{{{ env.NAME }}}}'
    return None


def render(text: str, environ: Mapping[str, str]) -> str:
    """Fill in a text.

    Raises MissingVariables with all variables that are not set, ValueError if the template fails for another reason.
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
    """Fill in every text below a node by calling `fill` with the node and its text."""
    value: Any = node.value
    if isinstance(value, dict):
        value = {key: render_tree(child, fill) for key, child in value.items()}
    elif isinstance(value, list):
        value = [render_tree(child, fill) for child in value]
    elif has_placeholder(value):
        return replace(node, value=fill(node, value), template=value)
    return replace(node, value=value, template=None)
