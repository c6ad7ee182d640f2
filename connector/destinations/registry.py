"""Find the implementation of a destination by the type that its settings name."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from connector.config.destination import DestinationSettings
from connector.config.destination_types import DestinationType, destination_type, destination_types, load_object
from connector.config.project import Project
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.destinations.base import Destination
from connector.errors import ConnectorError
from connector.ledger.member_records import AudienceRecord


def destination_of(settings: DestinationSettings) -> Destination[Any]:
    """Return the implementation of a destination whose settings were loaded."""
    installed = destination_type(settings.type)
    if installed is None:
        raise AssertionError("settings of a type that is not installed")
    variant = next(one for one in installed.all_variants() if one.settings is type(settings))
    destination: Destination[Any] = _implementation(settings.type, variant)(settings)
    return destination


def audience_settings(project: Project) -> Iterator[tuple[str, BaseAudienceSettings]]:
    """Yield each orchestration with an audience whose settings are right, and the settings of its destination."""
    for name in project.orchestrations:
        with suppress(ConnectorError):
            settings = project.orchestration(name).destination
            if isinstance(settings, BaseAudienceSettings):
                yield name, settings


def orchestration_of_audience(project: Project, audience: AudienceRecord) -> tuple[str, BaseAudienceSettings] | None:
    """Return an orchestration whose destination has an audience, and its settings; None if no one is left."""
    every = audience_settings(project)
    return next(((name, settings) for name, settings in every if settings.has_audience(audience)), None)


def implementation_of(name: object, keys: Collection[str]) -> type[Destination[Any]] | None:
    """Return the class that implements the type of an entry with these keys; None for a type that is not installed.

    Raises ConfigurationError.
    """
    installed = destination_type(name)
    return None if installed is None else _implementation(str(name), installed.variant(keys))


def implementations() -> Iterator[Any]:
    """Yield the class of every installed type, to look for those that implement an optional protocol."""
    for name, kind in destination_types().items():
        for variant in kind.all_variants():
            yield _implementation(name, variant)


def _implementation(name: str, variant: DestinationType) -> Any:
    return load_object(f'destination type "{name}"', variant.implementation)
