"""Which tests run for a change: those that cover its statement, the quickest of each test module first."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest
from pathlib import Path

from tests.mutants.changes import Change
from tests.mutants.coverage_map import CoverageMap

FEW = 20
"""Of a line that fewer tests run, the tests of the package's folder run too: coverage knows of no function that DuckDB
calls in a thread of its own."""


def covering_tests(known: CoverageMap, root: Path, change: Change) -> list[str]:
    """Return the tests that run the statement of a change, or what reads the name that it defines."""
    text = (root / change.file).read_text()
    statement, function = _statement(ast.parse(text), change.line)
    lines = known.current_lines(root, change.file)
    tests: set[str] = set().union(*(lines.get(line, set()) for line in _own_lines(statement)))
    if function:
        # A line that was written since the lines were recorded is covered by those around it.
        tests = tests or tests.union(*(lines.get(line, set()) for line in _own_lines(function)))
    else:
        # It runs once, when its module is imported.
        tests = tests.union(*_readers(known, root, statement)) or tests.union(*lines.values())
    package = change.file.split("/")[1]
    if len(tests) < FEW:
        tests = tests | {test for test in known.seconds if test.startswith(f"tests/{package}/")}
    return in_order(tests & known.seconds.keys(), known.seconds, package)


def in_order(tests: Iterable[str], seconds: Mapping[str, float], package: str) -> list[str]:
    """Take tests of the modules in turn, those of the package's own folder first, and the quickest of each module."""
    modules: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests, key=lambda test: (seconds[test], test)):
        modules[test.partition("::")[0]].append(test)
    near = sorted(modules, key=lambda module: (module.split("/")[1] != package, seconds[modules[module][0]]))
    return [test for test in chain(*zip_longest(*(modules[module] for module in near))) if test]


def _statement(tree: ast.Module, line: int) -> tuple[ast.stmt | ast.ExceptHandler, ast.FunctionDef | None]:
    """Return the innermost statement at a line, and the function in whose body it is."""
    found: ast.stmt | ast.ExceptHandler | None = None
    function = None
    children = list(ast.iter_child_nodes(tree))
    while children:
        child = children.pop()
        if isinstance(child, ast.stmt | ast.ExceptHandler) and child.lineno <= line <= (child.end_lineno or 0):
            function = found if isinstance(found, ast.FunctionDef) else function
            found, children = child, list(ast.iter_child_nodes(child))
    assert found is not None
    return found, function


def _own_lines(statement: ast.stmt | ast.ExceptHandler) -> range:
    """Return the lines of a statement without its body. A function's defaults are read by its body."""
    end = statement.end_lineno or statement.lineno
    body = getattr(statement, "body", None)
    if body and not isinstance(statement, ast.FunctionDef):
        end = max(body[0].lineno - 1, statement.lineno)
    return range(statement.lineno, end + 1)


def _readers(known: CoverageMap, root: Path, statement: ast.stmt | ast.ExceptHandler) -> Iterator[set[str]]:
    """Return the tests of each line with a name that a statement assigns or defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        names = {statement.name}
    else:
        names = {
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    if names:
        pattern = re.compile(rf"\b({'|'.join(names)})\b")
        for file in known.lines:
            if (root / file).exists() and pattern.search(text := (root / file).read_text()):
                lines = known.current_lines(root, file)
                for number, line in enumerate(text.splitlines(), 1):
                    if pattern.search(line):
                        yield lines.get(number, set())
