"""Splice changed values into a YAML text: replace exactly the characters of a value, add lines, delete whole lines.

The document is never written anew from its tree, since that would reformat lines that nobody asked to change: quotes,
line ends, alignment, comments.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Any, Final

import yaml

from connector.config.nodes import Path
from connector.editing.marked_text import CannotSplice, MarkedText, Place, entries, is_block, offset
from connector.editing.value_text import block_lines, flow_text


class NoValue(Enum):
    """The type of REMOVED."""

    REMOVED = "removed"


REMOVED: Final = NoValue.REMOVED


@dataclass(frozen=True)
class Edit:
    """A value to set at a path of the file, or to remove with its key."""

    path: Path
    value: Any
    """A dict, list, str, int, float, bool or None; REMOVED to remove the key."""
    is_new_item: bool = False
    """True to insert the value into a list, before the item at the path."""


@dataclass(frozen=True, order=True)
class _Change:
    """Characters to replace."""

    start: int
    end: int
    text: str


def splice(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with the edits made, one after the other. Raises CannotSplice, or YAMLError if it is not YAML."""
    for edit in edits:
        for step in _steps(MarkedText(text), edit):
            for change in sorted(_changes(MarkedText(text), step), reverse=True):
                text = text[: change.start] + change.text + text[change.end :]
    return text


def _steps(marked: MarkedText, edit: Edit) -> Iterator[Edit]:
    """Divide an edit of a mapping or a list into edits of what differs in it."""
    place = marked.find(edit.path)
    node = place.value if place and not edit.is_new_item else None
    if isinstance(node, yaml.MappingNode) and isinstance(edit.value, dict) and edit.value and not _merges(node):
        yield from _steps_of_mapping(marked, node, edit)
    elif isinstance(node, yaml.SequenceNode) and isinstance(edit.value, list) and edit.value and not node.flow_style:
        yield from _steps_of_list(marked, node, edit)
    elif node is None or edit.value is REMOVED or marked.data(node) != edit.value:
        yield edit


def _steps_of_mapping(marked: MarkedText, node: yaml.MappingNode, edit: Edit) -> Iterator[Edit]:
    """Set before removing, so that the mapping is never empty."""
    for key, value in edit.value.items():
        yield from _steps(marked, Edit((*edit.path, key), value))
    for place in entries(node):
        if place.key is not None and place.key.value not in edit.value:
            yield Edit((*edit.path, place.key.value), REMOVED)


def _steps_of_list(marked: MarkedText, node: yaml.SequenceNode, edit: Edit) -> Iterator[Edit]:
    """Go through the list from its end, so that the positions before a step hold."""
    have = [json.dumps(marked.data(item), sort_keys=True) for item in node.value]
    want = [json.dumps(item, sort_keys=True) for item in edit.value]
    for _, i1, i2, j1, j2 in reversed(SequenceMatcher(None, have, want, autojunk=False).get_opcodes()):
        both = min(i2 - i1, j2 - j1)
        for value in reversed(edit.value[j1 + both : j2]):
            yield Edit((*edit.path, i1 + both), value, is_new_item=True)
        for position in reversed(range(i1, i1 + both)):
            yield from _steps(marked, Edit((*edit.path, position), edit.value[j1 + position - i1]))
        for position in reversed(range(i1 + both, i2)):
            yield Edit((*edit.path, position), REMOVED)


def _merges(node: yaml.MappingNode) -> bool:
    return any(key.tag.endswith(":merge") for key, _ in node.value)


def _changes(marked: MarkedText, edit: Edit) -> Iterator[_Change]:
    place = None if edit.is_new_item else marked.find(edit.path)
    if edit.value is REMOVED:
        yield from _removal(marked, edit.path, place) if place else ()
    elif place is not None:
        yield from _replacement(marked, place, flow_text(edit.value))
    elif edit.is_new_item:
        yield _new_item(marked, edit.path, edit.value)
    else:
        yield from _new_entry(marked, edit.path, edit.value)


def _replacement(marked: MarkedText, place: Place, text: str) -> Iterator[_Change]:
    """Replace a value in its line; of a block, delete the lines and write the value on the line of its key."""
    start, end = offset(place.value.start_mark), marked.end(place.value)
    if not is_block(place.value):
        yield _Change(start, end, f" {text}" if start == end else text)
        return
    if place.key is None or not marked.is_first_on_line(start):
        raise CannotSplice(marked.line_number(start))
    colon = marked.text.index(":", marked.end(place.key)) + 1
    yield _Change(colon, colon, f" {text}")
    yield _lines(marked, start, end)


def _lines(marked: MarkedText, start: int, end: int) -> _Change:
    return _Change(marked.line_start(start), marked.next_line(end), "")


def _removal(marked: MarkedText, path: Path, place: Place) -> Iterator[_Change]:
    parent = marked.find(path[:-1])
    if parent is None or not path:
        raise CannotSplice(1)
    if len(parent.value.value) == 1:
        yield from _replacement(marked, parent, "{}" if place.key else "[]")
        return
    if not is_block(parent.value):
        yield _flow_removal(marked, parent.value, place)
        return
    start = offset((place.key or place.value).start_mark)
    start = start if place.key else marked.text.rindex("-", 0, start)
    if not marked.is_first_on_line(start):
        raise CannotSplice(marked.line_number(start))
    yield _lines(marked, start, marked.end(place.value))


def _flow_removal(marked: MarkedText, parent: yaml.Node, place: Place) -> _Change:
    """Remove an entry with the comma after it, or before it if it is the last."""
    places = list(entries(parent))
    position = next(number for number, one in enumerate(places) if one.value is place.value)
    first = [offset((one.key or one.value).start_mark) for one in places]
    if position + 1 < len(places):
        return _Change(first[position], first[position + 1], "")
    return _Change(marked.end(places[position - 1].value), marked.end(place.value), "")


def _new_item(marked: MarkedText, path: Path, value: Any) -> _Change:
    """Insert the line of an item before the item at this position, or after the last."""
    position, parent = path[-1], marked.find(path[:-1])
    if parent is None or not isinstance(position, int):
        raise CannotSplice(1)
    items = parent.value.value
    line = f"{' ' * parent.value.start_mark.column}- {flow_text(value)}"
    if position >= len(items):
        return _line_after(marked, marked.end(items[-1]), [line])
    start = marked.line_start(marked.text.rindex("-", 0, offset(items[position].start_mark)))
    return _Change(start, start, line + marked.line_end)


def _line_after(marked: MarkedText, position: int, lines: list[str]) -> _Change:
    """Add lines below the line of a position."""
    start = marked.next_line(position)
    text = marked.line_end.join(lines)
    is_ended = marked.text[start - 1 : start] in ("\n", "\r") or not marked.text
    return _Change(start, start, text + marked.line_end if is_ended else marked.line_end + text)


def _new_entry(marked: MarkedText, path: Path, value: Any) -> Iterator[_Change]:
    parent = marked.find(path[:-1])
    key = path[-1]
    if not isinstance(key, str):
        raise CannotSplice(1)
    if parent is None:
        yield from _new_entry(marked, path[:-1], {key: value})
    elif isinstance(parent.value, yaml.MappingNode) and not parent.value.flow_style:
        column = parent.value.value[0][0].start_mark.column
        yield _line_after(marked, marked.end(parent.value), block_lines(key, value, column))
    elif isinstance(parent.value, yaml.MappingNode):
        yield _flow_entry(marked, parent.value, {key: value})
    else:
        yield from _entry_of_nothing(marked, parent, key, value)


def _flow_entry(marked: MarkedText, parent: yaml.Node, entry: dict[str, Any]) -> _Change:
    """Add an entry behind the last one of a flow mapping."""
    text = flow_text(entry)[1:-1]
    if not parent.value:
        start = offset(parent.start_mark)
        return _Change(start, offset(parent.end_mark), f"{{{text}}}")
    end = marked.end(parent.value[-1][1])
    return _Change(end, end, f", {text}")


def _entry_of_nothing(marked: MarkedText, parent: Place, key: str, value: Any) -> Iterator[_Change]:
    """Add the first entry of a mapping of which only the key is written."""
    start, end = offset(parent.value.start_mark), marked.end(parent.value)
    if parent.key is None or marked.data(parent.value) is not None:
        raise CannotSplice(marked.line_number(start))
    if start != end:
        yield _Change(start, end, flow_text({key: value}))
        return
    yield _line_after(marked, end, block_lines(key, value, parent.key.start_mark.column + 2))
