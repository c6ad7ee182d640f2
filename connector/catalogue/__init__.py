"""The parameter catalogues, with one entry for each parameter.

Mapping, validation, the compiler, the checks of the simulator and the tables in the docs are derived from them.
"""

from dataclasses import dataclass

from connector.catalogue.audience_parameters import AUDIENCE_PARAMETERS
from connector.catalogue.event_parameters import PARAMETERS
from connector.catalogue.parameter import (
    BOTH,
    CONTENTS,
    IDENTIFIERS,
    NUMBERS,
    PROPERTIES,
    USER,
    Kind,
    Parameter,
    Plain,
    column_name,
)

__all__ = [
    "AUDIENCES",
    "AUDIENCE_PARAMETERS",
    "BY_NAME",
    "CATALOGUES",
    "CONTENTS",
    "EVENTS",
    "IDENTIFIERS",
    "NUMBERS",
    "OWN_PROPERTY",
    "PARAMETERS",
    "PROPERTIES",
    "USER",
    "Catalogue",
    "Kind",
    "Parameter",
    "Plain",
    "column_name",
]

OWN_PROPERTY = "properties."
"""The prefix of template keys for custom properties, which are passed through."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The parameters of one kind of destination."""

    identity: str
    """The name of the template that maps each parameter by its own name."""
    parameters: tuple[Parameter, ...]
    own_properties: bool
    """Templates may pass custom properties."""

    def __post_init__(self) -> None:
        properties = [each for each in self.parameters if each.path[:1] == (PROPERTIES,) and len(each.path) == 2]
        if properties and (properties[0].default is None or properties[0].sources < BOTH):
            raise ValueError(
                f"{properties[0].name}, the first property, needs a default: the others are written after its comma."
            )

    def named(self, word: str) -> Parameter | None:
        """Return the parameter whose name or accepted column name is `word` (in any case), if there is one."""
        lowered = word.lower()
        return next((p for p in self.parameters if lowered == p.name or lowered in p.columns), None)

    @property
    def names(self) -> list[str]:
        """The names of the parameters."""
        return [parameter.name for parameter in self.parameters]


EVENTS = Catalogue("tiktok_events", PARAMETERS, own_properties=True)
AUDIENCES = Catalogue("tiktok_audience", AUDIENCE_PARAMETERS, own_properties=False)
CATALOGUES = (EVENTS, AUDIENCES)

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
