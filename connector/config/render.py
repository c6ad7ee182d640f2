"""Placeholders such as `{{ env.NAME }}` in the values of `orchestrations.yaml`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context

from connector.config.nodes import Node
from connector.config.sandbox import BoundedEnvironment

_MARKS = ("{{", "{%", "{#")
SECRET_SOURCES = frozenset({"file", "secret"})
"""Names of the objects that hold secrets, beside `env`."""


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


class _Read:
    """The values that a function reads by name, as `file.NAME`."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read

    def __getitem__(self, name: str) -> str:
        return self._read(str(name))


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
        unknown = _names(text) - {"env", *SECRET_SOURCES}
    except (TemplateSyntaxError, RecursionError, MemoryError, ValueError):
        return "has a placeholder that is not closed or not understood; write it as {{ env.NAME }}"
    if unknown:
        return (
            f'asks for "{min(unknown)}"; only the environment and secrets can be used here, as {{{{ env.NAME }}}}, '
            "{{ file.NAME }} or {{ secret.NAME }}"
        )
    return None


def _names(text: str) -> set[str]:
    return meta.find_undeclared_variables(_JINJA.parse(text))


def has_secret(value: object) -> bool:
    """Return true if a value is, or contains, text with `{{ file.NAME }}` or `{{ secret.NAME }}`."""
    if isinstance(value, dict | list | tuple):
        return any(map(has_secret, value.values() if isinstance(value, dict) else value))
    if not has_placeholder(value) or not any(word in str(value) for word in SECRET_SOURCES):
        return False
    try:
        return bool(_names(str(value)) & SECRET_SOURCES)
    except (TemplateSyntaxError, RecursionError, MemoryError, ValueError):
        return False


def secret_names(text: str) -> Iterator[str]:
    """Yield the names of the commands whose output a text asks for, as `{{ secret.NAME }}`."""
    tree = _JINJA.parse(text)
    for attribute in tree.find_all(nodes.Getattr):
        if isinstance(attribute.node, nodes.Name) and attribute.node.name == "secret":
            yield attribute.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and item.node.name == "secret" and isinstance(item.arg, nodes.Const):
            yield str(item.arg.value)


def render(
    text: str, environ: Mapping[str, str], read: Mapping[str, Callable[[str], str]] = MappingProxyType({})
) -> str:
    """Fill in a text; `read` gives the functions that read secrets, by `file` and `secret`.

    Raises MissingVariables with all variables that are not set, ValueError if the template fails for another reason,
    and what `read` raises.
    """
    stand_ins: dict[str, str] = {}
    sources = {name: _Read(function) for name, function in read.items()}
    while True:
        try:
            rendered = _JINJA.from_string(text).render(env=_Variables({**environ, **stand_ins}), **sources)
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
