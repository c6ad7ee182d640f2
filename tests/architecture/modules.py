"""The package's modules, as their source says it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "connector"


@dataclass(frozen=True)
class Module:
    """One file below a folder, by its path relative to the repository."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package or module right below `connector` that it belongs to."""
        return self.path.split("/")[1].removesuffix(".py")

    def imports(self) -> Iterator[str]:
        """The names of the modules it imports, wherever in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.module, f"{self.path}: a relative import"
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def names(self) -> Iterator[str]:
        """Names and attributes that are used, as `print` or `sys.stdout`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield f"{node.value.id}.{node.attr}"


def modules(folder: Path = PACKAGE) -> list[Module]:
    """Every module below a folder."""
    return [
        Module(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8")))
        for path in sorted(folder.rglob("*.py"))
    ]


def parts(module: Module) -> set[str]:
    """The distributions' packages that a module imports: neither our own nor Python's."""
    roots = {name.split(".")[0] for name in module.imports()}
    return roots - set(sys.stdlib_module_names) - {"connector"}


def calls(module: Module) -> set[str]:
    """The names of the functions and classes that are called."""
    called = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return {func.id for func in called if isinstance(func, ast.Name)}
