"""Find the implementation of a destination by the type that its settings name."""

from importlib import import_module
from typing import Any

from connector.config.destination import DestinationSettings
from connector.config.destination_types import destination_type
from connector.destinations.base import Destination


def destination_of(settings: DestinationSettings) -> Destination[Any]:
    """Return the implementation of a destination whose settings were loaded."""
    installed = destination_type(settings.type)
    if installed is None:
        raise AssertionError("settings of a type that is not installed")
    module, _, name = installed.implementation.partition(":")
    destination: Destination[Any] = getattr(import_module(module), name)(settings)
    return destination
