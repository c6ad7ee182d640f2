"""Marks of a YAML text: the offsets at which each key and value begins and ends."""

import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from connector.config.nodes import Path, plain
from connector.config.tree import TreeBuilder
from connector.config.yaml import YamlLoader

_NO_FILE = pathlib.Path()
_LINE_END = re.compile(r"\r\n|\n|\r")


class CannotSplice(Exception):
    """A change that would touch more than the lines that it is about. `line`, from 1, is where to make it by hand."""

    def __init__(self, line: int) -> None:
        super().__init__(
            f"This change cannot be made here without touching other lines. Edit line {line} of the file by hand."
        )
        self.line = line


@dataclass(frozen=True)
class Place:
    """A value, with its key if it is in a mapping."""

    key: yaml.Node | None
    value: yaml.Node


class MarkedText:
    """A YAML text and its composed nodes. An alias is a scalar of its own here, where it is written."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = yaml.compose(text, _AliasLoader)

    @property
    def line_end(self) -> str:
        """The end of the first line, for lines that are added."""
        found = _LINE_END.search(self.text)
        return found[0] if found else "\n"

    def find(self, path: Path) -> Place | None:
        """Return the value that is written at a path; None if there is none, or only by a merge key."""
        place = Place(None, self.root) if self.root is not None else None
        for key in path:
            place = _child(place.value, key) if place else None
        return place

    def data(self, node: yaml.Node) -> Any:
        """Return a value as dicts, lists and scalars. An alias is its name."""
        return plain(TreeBuilder(_NO_FILE).build(node))

    def end(self, node: yaml.Node) -> int:
        """Return the offset behind a value, without the comments and blank lines that PyYAML counts to it."""
        if isinstance(node, yaml.ScalarNode):
            return self._end_of_scalar(node)
        if not is_block(node):
            return offset(node.end_mark)
        last = node.value[-1]
        return self.end(last[1] if isinstance(last, tuple) else last)

    def _end_of_scalar(self, node: yaml.ScalarNode) -> int:
        start, end = offset(node.start_mark), offset(node.end_mark)
        return start + len(self.text[start:end].rstrip()) if node.style in ("|", ">") else end

    def line_start(self, position: int) -> int:
        """Return the offset of the first character of a line."""
        return max(self.text.rfind("\n", 0, position), self.text.rfind("\r", 0, position)) + 1

    def next_line(self, position: int) -> int:
        """Return the offset of the line after that of a position, or the end of the text."""
        found = _LINE_END.search(self.text, position)
        return found.end() if found else len(self.text)

    def is_first_on_line(self, position: int) -> bool:
        """Return true if only blanks precede a position on its line."""
        return not self.text[self.line_start(position) : position].strip(" ")

    def line_number(self, position: int) -> int:
        """Return the number of the line of a position, from 1."""
        return len(_LINE_END.findall(self.text, 0, position)) + 1

    def lines_of(self, path: Path) -> range:
        """Return the numbers of the lines of the value at a path, or of what it would have to be added to.

        The lines of a block mapping to which a key is added are none of these: nothing that stands there changes.
        """
        place = self.find(path)
        if place is not None:
            start = offset((place.key or place.value).start_mark)
            return range(self.line_number(start), self.line_number(self.end(place.value)) + 1)
        parent = self.find(path[:-1]) if path else None
        if parent is None:
            return self.lines_of(path[:-1]) if path else range(0)
        return range(0) if is_block(parent.value) else self.lines_of(path[:-1])


def offset(mark: Any) -> int:
    """Return the offset of a mark in characters."""
    return int(mark.index)


def is_block(node: yaml.Node) -> bool:
    """Return true for a mapping or a sequence with a line for each entry."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def entries(node: yaml.Node) -> Iterator[Place]:
    """Yield the entries of a mapping or the items of a sequence, merge keys included."""
    if isinstance(node, yaml.MappingNode):
        yield from (Place(key, value) for key, value in node.value)
    if isinstance(node, yaml.SequenceNode):
        yield from (Place(None, value) for value in node.value)


def _child(node: yaml.Node, key: str | int) -> Place | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return Place(None, node.value[key]) if 0 <= key < len(node.value) else None
    named = (one for one in entries(node) if isinstance(one.key, yaml.ScalarNode) and one.key.value == key)
    return next(named, None)


class _AliasLoader(YamlLoader):
    """Composes an alias as a scalar with the marks of the alias instead of those of the value that it repeats."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node."""
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        super().compose_node(parent, index)
        return yaml.ScalarNode("alias", event.anchor, event.start_mark, event.end_mark)
