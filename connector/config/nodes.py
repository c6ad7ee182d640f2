"""Tree of a YAML document, with the line of each value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]
"""Keys and positions from the root, as `("destinations", "store_events", "type")`."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document."""

    value: "Scalar | dict[str, Node] | list[Node]"
    line: int
    """The line of its key, from 1."""
    origin: Path = ()
    """The path as written, targets and other spellings of keys included."""
    template: str | None = None
    """The text before its placeholders were filled in from the environment, if it had any."""
    column: int = 1
    """The column of its key, from 1."""

    def child(self, key: str | int) -> "Node | None":
        """Return the entry of a mapping or the item of a list, None if there is none."""
        if isinstance(self.value, dict) and isinstance(key, str):
            return self.value.get(key)
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return self.value[key]
        return None

    def entries(self) -> "Iterator[tuple[str, Node]]":
        """Return the entries of a mapping; none for anything else."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def children(self) -> "list[Node]":
        """Return the values of a mapping or the items of a list; none for a scalar."""
        if isinstance(self.value, dict):
            return list(self.value.values())
        return self.value if isinstance(self.value, list) else []

    def at(self, path: Path) -> "Node":
        """Return the node at a path, or the deepest one on the way to it."""
        node = self
        for key in path:
            deeper = node.child(key)
            if deeper is None:
                return node
            node = deeper
        return node


def plain(node: Node) -> Any:
    """Convert a node to dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def dotted(path: Path) -> str:
    """Format a path as `destinations.store_events.custom_events[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")
