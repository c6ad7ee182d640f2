"""Conversion of PyYAML's composed nodes to a tree of `Node`: merge keys, duplicate keys, tags."""

import re
from pathlib import Path

import yaml

from connector.config import nodes
from connector.config.nodes import Node, Scalar
from connector.errors import Problem, Rule

_STANDARD = "tag:yaml.org,2002:"
_MERGE = _STANDARD + "merge"
BARE_PLACEHOLDER_ADVICE = 'A value that begins with "{{" needs quotation marks around it.'


_UNREPRESENTABLE = re.compile(r"[\x00\ud800-\udfff]")
MOST_VALUES = 50_000
DEEPEST = 40


class LimitExceeded(Exception):
    """A file with more values or levels than can be read."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.line = sentence, line


class Limit:
    """Counts the values of a file; those that an alias repeats count each time."""

    def __init__(self) -> None:
        self._values = 0

    def count(self, line: int, depth: int) -> None:
        """Count a value. Raises LimitExceeded."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise LimitExceeded(f"The file holds more than {MOST_VALUES:,} values, the most there can be.", line)
        if depth > DEEPEST:
            raise LimitExceeded(f"This line nests deeper than {DEEPEST} levels, the most there can be.", line)


class TreeBuilder:
    """Builds the tree of one file and collects its problems. Raises LimitExceeded."""

    def __init__(self, file: Path) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._open: set[int] = set()
        self._limit = Limit()

    def build(self, node: yaml.Node, origin: nodes.Path = (), key: yaml.Node | None = None) -> Node:
        """Build the tree below a composed node; `key` is its key, if it has one."""
        mark = (key or node).start_mark
        line, column = mark.line + 1, mark.column + 1
        if id(node) in self._open:
            self._problem(node, "This alias stands inside the value that it repeats.", Rule.CYCLE)
            return Node(None, line, origin, column=column)
        self._limit.count(line, len(self._open))
        self._open.add(id(node))
        try:
            return Node(self._value(node, origin), line, origin, column=column)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, origin: nodes.Path) -> "Scalar | dict[str, Node] | list[Node]":
        if isinstance(node, yaml.MappingNode):
            self._checked_tag(node, "map")
            return self._mapping(node, origin)
        if isinstance(node, yaml.SequenceNode):
            self._checked_tag(node, "seq")
            return [self.build(item, (*origin, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, origin: nodes.Path) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = self._merged(value, origin) | merged
            elif not isinstance(key, yaml.ScalarNode):
                advice = (
                    BARE_PLACEHOLDER_ADVICE if isinstance(key, yaml.MappingNode) else "A key must be a single word."
                )
                self._problem(key, advice)
            elif _UNREPRESENTABLE.search(key.value):
                self._problem(key, "The key holds a character that no text can hold, \\0 or half a surrogate pair.")
            elif key.value in entries:
                first = entries[key.value].line
                self._problem(
                    key,
                    f'The key "{key.value}" was already written on line {first}; keep one of them.',
                    Rule.DUPLICATE_KEY,
                )
            else:
                path = (*origin, key.value)
                entries[key.value] = self.build(value, path, key)
        return merged | entries

    def _merged(self, node: yaml.Node, origin: nodes.Path) -> dict[str, Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in sources:
            built = self.build(source, origin).value
            if isinstance(built, dict):
                merged = built | merged
            else:
                self._problem(source, "Only a mapping can be merged with <<.")
        return merged

    def _scalar(self, node: yaml.Node) -> Scalar:
        kind = self._checked_tag(node, "str", "int", "float", "bool", "null", "merge")
        text = str(node.value)
        if _UNREPRESENTABLE.search(text):
            self._problem(node, "The value holds a character that no text can hold, \\0 or half a surrogate pair.")
            return None
        try:
            return _convert(kind, text)
        except ValueError:
            self._problem(node, f"The value is not written as its tag !!{kind} promises.")
            return None

    def _checked_tag(self, node: yaml.Node, *kinds: str) -> str:
        kind = str(node.tag).removeprefix(_STANDARD)
        if kind not in kinds:
            tag = str(node.tag) if kind == node.tag else f"!!{kind}"
            self._problem(node, f"The tag {tag} is not known here; write the value without it.")
        return kind

    def _problem(self, node: yaml.Node, message: str, rule: Rule = Rule.SYNTAX) -> None:
        mark = node.start_mark
        self.problems.append(Problem(message, self._file, mark.line + 1, mark.column + 1, rule))


def _convert(kind: str, text: str) -> Scalar:
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "bool":
        return bool(("false", "true").index(text.lower()))
    return None if kind == "null" else text
