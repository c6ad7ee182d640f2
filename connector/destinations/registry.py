"""Find the type of a destination by its name, among the entry points of the group `connector.destinations`."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from connector.config.destination import DestinationSettings
from connector.destinations.base import Destination

BUILT_IN: Mapping[str, str] = {
    "tiktok_events": "connector.destinations.tiktok.events.destination:TikTokEvents",
    "tiktok_audience": "connector.destinations.tiktok.audience.destination:TikTokAudience",
}


def destination_of(settings: DestinationSettings) -> Destination[Any]:
    """Return the implementation of a destination. Raises KeyError for a type that is not installed."""
    return _type(settings.type)(settings)


@cache
def _type(name: str) -> Callable[[DestinationSettings], Destination[Any]]:
    module, _, attribute = BUILT_IN[name].partition(":")
    found: Callable[[DestinationSettings], Destination[Any]] = getattr(import_module(module), attribute)
    return found
