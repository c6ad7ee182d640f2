"""Find the implementation of a destination by the type that its settings name."""

from collections.abc import Iterator
from typing import Any

from connector.config.destination import DestinationSettings
from connector.config.destination_types import destination_type, destination_types, load_object
from connector.destinations.base import Destination


def destination_of(settings: DestinationSettings) -> Destination[Any]:
    """Return the implementation of a destination whose settings were loaded."""
    implementation: Any = implementation_of(settings.type)
    if implementation is None:
        raise AssertionError("settings of a type that is not installed")
    destination: Destination[Any] = implementation(settings)
    return destination


def implementation_of(name: object) -> type[Destination[Any]] | None:
    """Return the class that implements a type; None for a type that is not installed. Raises ConfigurationError."""
    installed = destination_type(name)
    if installed is None:
        return None
    implementation: type[Destination[Any]] = load_object(f'destination type "{name}"', installed.implementation)
    return implementation


def implementations() -> Iterator[Any]:
    """Yield the class of every installed type, to look for those that implement an optional protocol."""
    for name in destination_types():
        yield implementation_of(name)
