"""Installed types of destinations: entry points of the group `connector.destinations`."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from connector.config.destination import DestinationSettings
from connector.errors import ConfigurationError

GROUP = "connector.destinations"
BUILT_IN: Mapping[str, str] = {
    "tiktok_events": "connector.destinations.tiktok.types:EVENTS",
    "tiktok_audience": "connector.destinations.tiktok.types:AUDIENCE",
    "file": "connector.destinations.file.settings:FILE",
}
"""Entry points of this distribution. Searching for others takes longer than reading a project file."""


@dataclass(frozen=True, slots=True)
class DestinationType:
    """A type of destination, as an entry point names it. Stable."""

    settings: type[DestinationSettings]
    """The model of its settings, loaded with the project file."""
    implementation: str
    """`module:class` of the implementation of `Destination`, loaded when a command needs it."""
    variants: Mapping[str, "DestinationType"] = field(default_factory=dict)
    """Other settings and implementations of the type, by a key that only their entries have. May change."""

    def variant(self, keys: Collection[str]) -> "DestinationType":
        """Return the variant of an entry with these keys."""
        return next((variant for key, variant in self.variants.items() if key in keys), self)

    def all_variants(self) -> "Iterator[DestinationType]":
        """Yield the type itself and its variants, each once."""
        yield self
        yield from {id(variant): variant for variant in self.variants.values()}.values()


def destination_types() -> Mapping[str, DestinationType]:
    """Return every installed type by its name. Raises ConfigurationError for one that cannot be loaded."""
    return {name: _load(name, value) for name, value in {**BUILT_IN, **_installed(), **BUILT_IN}.items()}


def destination_type(name: object) -> DestinationType | None:
    """Return the type with this name, as `type` has it; None if it is not installed. Raises ConfigurationError."""
    value = BUILT_IN.get(str(name)) or _installed().get(str(name))
    return _load(str(name), value) if value else None


def settings_model(name: object, keys: Collection[str] = ()) -> type[DestinationSettings] | None:
    """Return the model of the settings of an entry of a type, which has these keys; None if it is not installed."""
    kind = destination_type(name)
    return kind.variant(keys).settings if kind else None


@cache
def _installed() -> Mapping[str, str]:
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in sorted(entry_points(group=GROUP))}


@cache
def _load(name: str, value: str) -> DestinationType:
    kind: DestinationType = load_object(f'destination type "{name}"', value)
    return kind


def load_object(what: str, value: str) -> Any:
    """Import what an entry point names as `module:attribute`. Raises ConfigurationError if that fails."""
    module, _, attribute = value.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The {what} cannot be loaded from {value} ({type(error).__name__}). Reinstall the distribution that "
            "brings it, or uninstall it."
        ) from error
