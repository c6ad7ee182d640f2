"""Reader of YAML files that records the line of every value.

The plain scalars are those of YAML 1.2 (true and false are the only booleans, so that `default_region: NO`
is Norway), and narrower still for numbers: what is not written in plain decimal (`0123`, `0x1F`, `1e5`,
`1_000`, `12:30`) is text, so that an id without quotes always keeps its digits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connector.config import nodes
from connector.config.nodes import Node, plain
from connector.config.tree import BARE_PLACEHOLDER_ADVICE, Limit, LimitExceeded, TreeBuilder
from connector.errors import ConfigurationError, Problem, Rule

LARGEST_FILE = 1 << 20
"""The most bytes of a file."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its values, and the line of each (from 1)."""

    file: Path
    root: Node

    @property
    def data(self) -> Any:
        """The values as dict, list, str, int, float, bool and None."""
        return plain(self.root)

    def line(self, path: nodes.Path) -> int:
        """Return the line of the key at `path`, or of the nearest one above it."""
        return self.root.at(path).line

    def place(self, path: nodes.Path) -> tuple[int, int]:
        """Return the line and the column of the key at `path`, or of the nearest one above it."""
        node = self.root.at(path)
        return node.line, node.column


def read_yaml(path: Path) -> Document:
    """Read a file.

    Raises ConfigurationError with all problems: no such file, broken YAML, a key written twice.
    """
    document, problems = parse_yaml(path)
    if document is None or problems:
        raise ConfigurationError(problems)
    return document


def parse_yaml(path: Path) -> tuple[Document | None, list[Problem]]:
    """Read a file. Returns the document as well if it can be read in spite of its problems, else None."""
    try:
        content = _content(path)
    except OSError as error:
        return None, [Problem(f"The file cannot be read: {error.strerror}.", path, rule=Rule.UNREADABLE)]
    except LimitExceeded as limit:
        return None, [Problem(limit.sentence, path, limit.line, rule=Rule.UNREADABLE)]
    return parse_content(content, path)


def parse_content(content: bytes, path: Path) -> tuple[Document | None, list[Problem]]:
    """Read what is, or would be, the content of the file at `path`, as `parse_yaml` does."""
    try:
        node = yaml.compose(content, YamlLoader)
        builder = TreeBuilder(path)
        root = builder.build(node) if node else Node({}, 1)
    except LimitExceeded as limit:
        problem = Problem(limit.sentence, path, limit.line, rule=Rule.UNREADABLE)
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(path, error, content)
    except yaml.YAMLError:
        problem = Problem("The file is not text in UTF-8, or has control characters in it.", path, rule=Rule.UNREADABLE)
    else:
        return Document(path, root), builder.problems
    return None, [problem]


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise LimitExceeded(f"The file is larger than {LARGEST_FILE >> 20} MiB, the most there can be.")
    return content


class YamlLoader(yaml.SafeLoader):
    """Compose nodes with the implicit types of this module's docstring, up to a number and a depth."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the name and shape are PyYAML's

    line: int
    """The line of the reader, from 0."""

    def __init__(self, content: bytes | str) -> None:
        super().__init__(content)
        self._limit, self._depth = Limit(), 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node. Raises LimitExceeded."""
        self._depth += 1
        self._limit.count(self.line + 1, self._depth)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_IMPLICIT = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]{0,99})", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]{0,99})\.[0-9]+", "-0123456789"),
    ("merge", r"<<", "<"),
)
for _name, _pattern, _first in _IMPLICIT:
    _regexp = re.compile(rf"^(?:{_pattern})$")
    YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, list(_first))


def _syntax_problem(path: Path, error: yaml.MarkedYAMLError, content: bytes) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(_advice("", ""), path, rule=Rule.SYNTAX)
    place = (path, mark.line + 1, mark.column + 1, Rule.SYNTAX)
    line = content.splitlines()[mark.line : mark.line + 1]
    if line and _BARE_PLACEHOLDER.search(line[0]):
        return Problem(BARE_PLACEHOLDER_ADVICE, *place)
    if line and (variable := _SHELL_VARIABLE.search(line[0])):
        name = variable[1].decode()
        advice = f'A shell variable is not filled in here: write "{{{{ env.{name} }}}}", with the quotation marks.'
        return Problem(advice, *place)
    return Problem(_indentation(error, content) or _advice(error.problem or "", error.context or ""), *place)


def _indentation(error: yaml.MarkedYAMLError, content: bytes) -> str | None:
    """Return how far a line is indented, and how far those that it may belong to; None if it is something else."""
    mark, block = error.problem_mark, error.context_mark
    if mark is None or block is None or "while parsing a block" not in (error.context or ""):
        return None
    lines = content.splitlines()[: mark.line + 1]
    own, *before = [_indent(line) for line in reversed(lines) if line.strip() and not line.strip().startswith(b"#")]
    others = sorted({block.column, *before[:1]} - {own})
    if not others or own != mark.column:
        return None
    blanks = " or ".join(map(str, others))
    unit = "blank" if own == 1 else "blanks"
    return f"This line is indented by {own} {unit}, the lines that it may belong to by {blanks}."


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


_SHELL_VARIABLE = re.compile(rb"[:,\[-]\s*\$\{(?:env[:.])?([A-Za-z_]\w*)\}")
_BARE_PLACEHOLDER = re.compile(rb"[:-]\s*\{\{")
_ADVICE: Sequence[tuple[str, str]] = (
    ("\\t", "has a tab where YAML requires spaces"),
    ("found duplicate anchor", "gives an anchor (&name) a second time"),
    ("found undefined alias", "uses *name without an earlier &name; if it is text, put it in quotes"),
    ("while scanning an alias", "starts a value with *; put the value in quotes"),
    ("while scanning an anchor", "starts a value with &; put the value in quotes"),
    (
        "cannot start any token",
        "starts a value with a character that YAML reserves (@ % or `); put it in quotes",
    ),
    (
        "mapping values are not allowed",
        "has a colon in a wrong place; check the indentation, or put the value in quotes",
    ),
    ("while scanning a quoted scalar", "opens a quotation mark that is never closed"),
    ("while parsing a flow", "has a { or [ that is not closed"),
    ("could not find expected ':'", "has a key without a colon, or a line that is indented wrongly"),
    ("while parsing a block", "is indented differently from the lines that it belongs to"),
    ("expected a single document", "holds a second document (---); only one is read"),
)


def _advice(problem: str, context: str) -> str:
    reported = f"{context} {problem}"
    for sign, advice in _ADVICE:
        if sign in reported:
            return f"This line {advice}."
    return "This line is not YAML as it stands; check its indentation, quotation marks and brackets."
