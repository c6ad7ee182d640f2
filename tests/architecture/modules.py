"""The package's modules, as their source says it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "connector"


@dataclass(frozen=True)
class Module:
    """One file below a folder, by its path relative to the repository."""

    path: str
    imports: frozenset[str]
    """The names of the modules it imports, wherever in the file."""
    names: frozenset[str]
    """Names and attributes that are used, as `print` or `sys.stdout`."""
    calls: frozenset[str]
    """The names of the functions and classes that are called."""

    @property
    def room(self) -> str:
        """The package or module right below `connector` that it belongs to."""
        return self.path.split("/")[1].removesuffix(".py")


def paths(folder: Path = PACKAGE) -> list[str]:
    """The files of the modules below a folder."""
    return [path.relative_to(ROOT).as_posix() for path in sorted(folder.rglob("*.py"))]


def modules(folder: Path = PACKAGE) -> list[Module]:
    """Every module below a folder."""
    return [parsed(path) for path in paths(folder)]


@cache
def parsed(path: str) -> Module:
    """The module in a file, which each process reads once."""
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text("utf-8"))))
    return Module(path, *(frozenset(found(nodes)) for found in (_imports, _names, _calls)))


def parts(module: Module) -> set[str]:
    """The distributions' packages that a module imports: neither our own nor Python's."""
    roots = {name.split(".")[0] for name in module.imports}
    return roots - set(sys.stdlib_module_names) - {"connector"}


def _imports(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _names(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _calls(nodes: list[ast.AST]) -> Iterator[str]:
    return (node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
