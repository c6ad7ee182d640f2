"""Markdown tables, and the attribute docstrings that fill them."""

import ast
import inspect
import sys
from collections.abc import Iterable
from itertools import pairwise


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return the lines of a table."""
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines)


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the docstrings below the attributes of a class and its bases, each on one line."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("connector."):
            found |= _own_docs(base)
    return found


def _own_docs(kind: type) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    (body,) = (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    pairs = pairwise(body)
    return {name: text for one, following in pairs if (name := _name(one)) and (text := _text(following))}


def _name(node: ast.stmt) -> str:
    target = (
        node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
    )
    return target.id if isinstance(target, ast.Name) else ""


def _text(node: ast.stmt) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return " ".join(node.value.value.split()) if is_text else ""  # type: ignore[attr-defined]
