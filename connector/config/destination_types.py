"""The types of destinations that are installed, as entry points of the group `connector.destinations`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from connector.config.destination import DestinationSettings

GROUP = "connector.destinations"
BUILT_IN: Mapping[str, str] = {
    "tiktok_events": "connector.destinations.tiktok.types:EVENTS",
    "tiktok_audience": "connector.destinations.tiktok.types:AUDIENCE",
    "file": "connector.destinations.file.types:FILE",
}
"""The entry points of this distribution. To look for those of others takes longer than to read a project file."""


@dataclass(frozen=True, slots=True)
class DestinationType:
    """A type of destination: what an entry point of the group names. Stable."""

    settings: type[DestinationSettings]
    """Loaded with the project file."""
    implementation: str
    """`module:class` of what implements `Destination`; called with the settings, once a command needs more of it."""


def destination_types() -> Mapping[str, DestinationType]:
    """Return every installed type by its name: those of this distribution first."""
    return {name: _load(value) for name, value in {**BUILT_IN, **_installed()}.items()}


def destination_type(name: object) -> DestinationType | None:
    """Return a type by the name that `type` has in the project file; None for one that is not installed."""
    value = BUILT_IN.get(str(name)) or _installed().get(str(name))
    return _load(value) if value else None


def settings_model(name: object) -> type[DestinationSettings] | None:
    """Return the settings of a type; None for one that is not installed."""
    found = destination_type(name)
    return found.settings if found else None


@cache
def _installed() -> Mapping[str, str]:
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in sorted(entry_points(group=GROUP))}


@cache
def _load(value: str) -> DestinationType:
    module, _, name = value.partition(":")
    found: DestinationType = getattr(import_module(module), name)
    return found
