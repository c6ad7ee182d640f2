"""The destinations of a project, as they are written."""

from dataclasses import dataclass
from typing import Any

from connector.config.project import Project
from connector.destinations.registry import destination_of


@dataclass(frozen=True, slots=True)
class Listed:
    """A destination as the file has it; `goes_to` names the event source or the audience."""

    name: str
    type: str
    goes_to: str
    credential: str | None
    api_url: str
    destination_account_name: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The names in their order."""
        return {name: getattr(self, name) for name in self.__slots__}


def listed_destinations(project: Project) -> list[Listed]:
    """Every destination, in the order of the file. Raises ConfigurationError where a variable is not set."""
    found = map(project.destination, project.destinations)
    return [
        Listed(
            one.name,
            one.type,
            destination_of(one).goes_to,
            one.credential_name,
            one.address,
            one.destination_account_name,
        )
        for one in found
    ]
