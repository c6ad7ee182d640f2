"""The changes that `make mutants` makes: each replaces a few characters of a module, which stays valid Python."""

import ast
import io
import random
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

COMPARISONS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "is": "is not", "is not": "is", "in": "not in", "not in": "in",
}  # fmt: skip
ARITHMETIC = {"+": "-", "-": "+", "*": "//", "//": "*", "/": "*", "%": "*", "&": "|", "|": "&", "<<": ">>", ">>": "<<"}
SQL = {
    " AND ": " OR ", " OR ": " AND ", " >= ": " > ", " > ": " >= ", " <= ": " < ", " < ": " <= ", " = ": " != ",
    " IS NULL": " IS NOT NULL", " IS NOT NULL": " IS NULL", "LEFT JOIN": "JOIN", "ANTI JOIN": "SEMI JOIN",
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_OPERATOR = re.compile(r"not\s+in|is\s+not|is|in|[<>=!]=|[<>]")
_ARITHMETIC = re.compile(r"\*\*|//|<<|>>|[-+*/%&|]")
_SQL = re.compile(f"({'|'.join(map(re.escape, sorted(SQL, key=len, reverse=True)))})(?!true|false)")
_STATEMENT = re.compile(r"\b(SELECT|WHERE|CASE|FROM|COALESCE|regexp_|list_)|[(]\{")


@dataclass(frozen=True, order=True)
class Change:
    """One replacement in a module's text."""

    file: str
    kind: str
    start: int
    end: int
    """Characters from the beginning of the text."""
    replacement: str
    line: int

    def apply(self, text: str) -> str:
        """Return the changed text."""
        return text[: self.start] + self.replacement + text[self.end :]

    def describe(self, text: str) -> str:
        """Return the changed line as it was and as it is."""
        changed = self.apply(text).splitlines()
        return f"{self.file}:{self.line} ({self.kind})\n  - {text.splitlines()[self.line - 1].strip()}\n  + {changed[self.line - 1].strip()}"


def sample(root: Path, packages: Iterable[str], count: int, seed: int) -> list[Change]:
    """Return so many different changes: a module by the root of its number of changes, then a kind, then a change."""
    chance = random.Random(seed)
    remaining = {}
    for package in packages:
        for path in sorted((root / "connector" / package).rglob("*.py")):
            if found := changes(path.relative_to(root).as_posix(), path.read_text()):
                remaining[path] = found
    chosen: list[Change] = []
    while remaining and len(chosen) < count:
        paths = sorted(remaining)
        path = chance.choices(paths, [len(remaining[path]) ** 0.5 for path in paths])[0]
        kind = chance.choice(sorted({change.kind for change in remaining[path]}))
        change = chance.choice([change for change in remaining[path] if change.kind == kind])
        # A line is changed once: the test that notices would notice its other changes too.
        if _is_valid(change.apply(path.read_text())):
            chosen.append(change)
            remaining[path] = [other for other in remaining[path] if other.line != change.line]
        else:
            remaining[path].remove(change)
        if not remaining[path]:
            del remaining[path]
    return chosen


def changes(file: str, text: str) -> list[Change]:
    """Return every change of a module's text, in its order. A few of them are not valid Python."""
    return sorted(set(_Finder(file, text).all()), key=lambda change: (change.start, change))


def _is_valid(text: str) -> bool:
    try:
        compile(text, "changed", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


class _Finder:
    """Finds the changes of one module."""

    def __init__(self, file: str, text: str) -> None:
        self._file, self._text = file, text
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._finders: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
            ast.Compare: self._compare, ast.BoolOp: self._bool_op, ast.UnaryOp: self._not, ast.BinOp: self._arithmetic,
            ast.Constant: self._constant, ast.Expr: self._drop, ast.AugAssign: self._drop, ast.With: self._with,
            ast.If: self._negate, ast.IfExp: self._negate, ast.While: self._negate, ast.Call: self._call,
            ast.Break: self._flow, ast.Continue: self._flow,
        }  # fmt: skip

    def all(self) -> Iterator[Change]:
        yield from self._visit(ast.parse(self._text))
        yield from self._sql()

    def _visit(self, node: ast.AST) -> Iterator[Change]:
        if finder := self._finders.get(type(node)):
            yield from finder(node)
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "bases", "keywords"} and not isinstance(
                node, ast.Call
            ):
                continue
            if isinstance(node, ast.JoinedStr):
                continue  # Its parts have no positions of their own before Python 3.12.
            for child in value if isinstance(value, list) else [value]:
                # `zip(…, strict=True)` is an assertion.
                if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg == "strict"):
                    yield from self._visit(child)

    def _at(self, line: int, column: int) -> int:
        """Return the position of a column, which ast counts in bytes."""
        start = self._lines[line - 1]
        return start + len(self._text[start : self._lines[line]].encode()[:column].decode())

    def _span(self, node: Any) -> tuple[int, int]:
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)

    def _change(self, kind: str, start: int, end: int, replacement: str) -> Change:
        return Change(self._file, kind, start, end, replacement, self._text.count("\n", 0, start) + 1)

    def _between(
        self, kind: str, left: ast.expr, right: ast.expr, pattern: re.Pattern[str], table: dict[str, str]
    ) -> Iterator[Change]:
        start, end = self._span(left)[1], self._span(right)[0]
        if found := pattern.search(self._text, start, end):
            words = " ".join(found[0].split())
            if words in table:
                yield self._change(kind, *found.span(), table[words])

    def _compare(self, node: ast.Compare) -> Iterator[Change]:
        operands = [node.left, *node.comparators]
        for left, right in pairwise(operands):
            yield from self._between("comparison", left, right, _OPERATOR, COMPARISONS)

    def _bool_op(self, node: ast.BoolOp) -> Iterator[Change]:
        for left, right in pairwise(node.values):
            yield from self._between("and/or", left, right, re.compile(r"\b(and|or)\b"), {"and": "or", "or": "and"})

    def _arithmetic(self, node: ast.BinOp) -> Iterator[Change]:
        if not any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in (node.left, node.right)):
            yield from self._between("arithmetic", node.left, node.right, _ARITHMETIC, ARITHMETIC)

    def _not(self, node: ast.UnaryOp) -> Iterator[Change]:
        start = self._span(node)[0]
        if isinstance(node.op, ast.Not):
            yield self._change("not", start, start + len("not "), "")
        if isinstance(node.op, ast.Invert):
            yield self._change("not", start, start + 1, "")

    def _negate(self, node: ast.If | ast.IfExp | ast.While) -> Iterator[Change]:
        is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not isinstance(node.test, ast.Compare | ast.UnaryOp | ast.BoolOp) and not is_for_types:
            start, end = self._span(node.test)
            yield self._change("condition", start, end, f"(not ({self._text[start:end]}))")

    def _constant(self, node: ast.Constant) -> Iterator[Change]:
        if isinstance(node.value, bool):
            yield self._change("true/false", *self._span(node), str(not node.value))
        elif isinstance(node.value, int | float):
            yield self._change("constant", *self._span(node), repr(node.value + 1))

    def _drop(self, node: ast.Expr | ast.AugAssign) -> Iterator[Change]:
        called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        # What `close` frees is freed by the garbage collector too.
        is_close = isinstance(called, ast.Attribute) and called.attr == "close"
        if (called or isinstance(node, ast.AugAssign)) and not is_close:
            yield self._change("statement", *self._span(node), "pass")

    def _with(self, node: ast.With) -> Iterator[Change]:
        for number, item in enumerate(node.items):
            if item.optional_vars is None:
                start, end = self._span(item.context_expr)
                if len(node.items) == 1:
                    yield self._change("with", self._span(node)[0], end, "if True")
                elif number:
                    yield self._change("with", self._text.rindex(",", 0, start), end, "")
                else:
                    yield self._change("with", start, self._span(node.items[1].context_expr)[0], "")

    def _call(self, node: ast.Call) -> Iterator[Change]:
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield self._change("min/max", *self._span(node.func), CALLS[node.func.id])

    def _flow(self, node: ast.Break | ast.Continue) -> Iterator[Change]:
        yield self._change("break", *self._span(node), "continue" if isinstance(node, ast.Break) else "break")

    def _sql(self) -> Iterator[Change]:
        """Change operators in strings that hold SQL."""
        for token in tokenize.generate_tokens(io.StringIO(self._text).readline):
            if token.type == tokenize.STRING and not token.string.lstrip("rfRF").startswith('"""'):
                first = self._lines[token.start[0] - 1] + token.start[1]
                for found in _SQL.finditer(token.string) if _STATEMENT.search(token.string) else ():
                    yield self._change("SQL", first + found.start(), first + found.end(), SQL[found[0]])
