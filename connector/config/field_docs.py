"""Docstrings below the attributes of classes, read from their source."""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise


def field_docs(kind: type, packages: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the docstrings below the attributes of a class and its bases, each on one line.

    Bases in modules outside of this package are read only if they are below one of `packages`.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(("connector.", *packages)):
            found |= _own_docs(base)
    return found


def _own_docs(kind: type) -> dict[str, str]:
    pairs = pairwise(_bodies(kind.__module__).get(kind.__name__, ()))
    return {name: text for one, following in pairs if (name := _name(one)) and (text := _text(following))}


@cache
def _bodies(module: str) -> dict[str, list[ast.stmt]]:
    """Return the body of each class of a module; of several with one name, the first."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: node.body for node in reversed(classes)}


def _name(node: ast.stmt) -> str:
    target = (
        node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
    )
    return target.id if isinstance(target, ast.Name) else ""


def _text(node: ast.stmt) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return " ".join(node.value.value.split()) if is_text else ""  # type: ignore[attr-defined]
