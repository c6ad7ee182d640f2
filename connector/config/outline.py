"""The names in a project file, read fast and without checking it."""

from collections.abc import Iterator
from pathlib import Path

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def names_in(file: Path, section: str) -> list[str]:
    """Return the names of a section, in the order of the file. Raises OSError, YAMLError or ValueError."""
    return [key for key, _ in _entries(_root(file), section)]


def tags_in(file: Path) -> list[str]:
    """Return the tags of all orchestrations, each once. Raises as `names_in` does."""
    tags: dict[str, None] = {}
    for _, orchestration in _entries(_root(file), "orchestrations"):
        for key, value in _pairs(orchestration):
            items = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if key == "tags":
                tags.update((str(item.value), None) for item in items if isinstance(item, yaml.ScalarNode))
    return list(tags)


def _root(file: Path) -> yaml.Node | None:
    with file.open(encoding="utf-8") as opened:
        root: yaml.Node | None = yaml.compose(opened, Loader=_LOADER)
    return root


def _entries(root: yaml.Node | None, section: str) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in _pairs(root):
        if key == section:
            yield from _pairs(value)


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value if isinstance(key, yaml.ScalarNode))
