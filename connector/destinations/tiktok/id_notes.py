"""Write notes on ids that do not look like TikTok's."""

import re
from collections.abc import Iterator, Sequence

from connector.config.destination import DestinationSettings
from connector.config.nodes import Node
from connector.config.project import Project
from connector.config.render import has_placeholder
from connector.destinations.setting_notes import shown_place

_ID = re.compile("[0-9]{19}")
_PIXEL = re.compile("[CD].*")


def id_notes(project: Project, settings: DestinationSettings, keys: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each id that is not nineteen digits, as all known ids of TikTok's are."""
    written = project.node("destinations", settings.name)
    for key in keys:
        for node, value in zip(_leaves(written.child(key)), _values(getattr(settings, key, None)), strict=False):
            if not _ID.fullmatch(value):
                subject = _subject(project, settings, key, node)
                yield f"{subject}, which is not nineteen digits long as TikTok's ids are: check it."


def pixel_notes(project: Project, settings: DestinationSettings, pixel: str | None) -> Iterator[str]:
    """Yield a sentence on a pixel code that does not begin as all known ones do."""
    node = project.node("destinations", settings.name).child("event_source_id")
    if node is not None and not _PIXEL.fullmatch(str(pixel)):
        subject = _subject(project, settings, "event_source_id", node)
        yield f"{subject}; pixel codes begin with C or D: check it."


def _subject(project: Project, settings: DestinationSettings, key: str, node: Node) -> str:
    shown = f'filled in from "{node.value}"' if has_placeholder(node.value) else f'"{node.value}"'
    return f"{shown_place(project, project.file, node.line)}: destinations.{settings.name}.{key} is {shown}"


def _leaves(node: Node | None) -> list[Node]:
    if node is None or node.value is None:
        return []
    children = node.children()
    return [leaf for child in children for leaf in _leaves(child)] if children else [node]


def _values(value: object) -> list[str]:
    if isinstance(value, tuple | list):
        return [one for item in value for one in _values(item)]
    return [] if value is None else [str(value)]
