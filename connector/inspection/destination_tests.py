"""Destinations of a project: their list, and tests of whether they accept data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector.config.project import Project
from connector.destinations.checks import Check, Outcome
from connector.destinations.registry import destination_of
from connector.privacy.access import check_destination
from connector.runs.engine import refuse_blank_code


@dataclass(frozen=True, slots=True)
class DestinationTest:
    """The result of testing a destination."""

    destination: str
    type: str
    target: str
    api_url: str
    checks: Sequence[Check]
    changes: Sequence[str]
    """Changes that a run would make in the ad account before it sends."""

    @property
    def outcome(self) -> Outcome:
        """Failed if any check failed, else inconclusive if any check was."""
        outcomes = {check.outcome for check in self.checks}
        return next((worst for worst in (Outcome.FAILED, Outcome.INCONCLUSIVE) if worst in outcomes), Outcome.PASSED)

    @property
    def is_unreachable(self) -> bool:
        """True if the destination did not answer a check."""
        return any(check.is_unreachable for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector destinations test --json` prints."""
        return {
            "destination": self.destination,
            "type": self.type,
            "target": self.target,
            "api_url": self.api_url,
            "outcome": self.outcome.value,
            "checks": [
                {"check": check.name, "outcome": check.outcome.value, "sentence": check.sentence}
                for check in self.checks
            ],
            "changes": list(self.changes),
        }


def run_destination_test(project: Project, name: str, test_event_code: str | None = None) -> DestinationTest:
    """Test a destination by asking its platform; with a test event code, send one test event.

    Raises ConfigurationError if a setting is wrong, UsageError for a blank code, AccessRefused.
    """
    refuse_blank_code(test_event_code)
    check_destination(project, name)
    settings = project.destination(name)
    result = destination_of(settings).check(project, test_event_code)
    return DestinationTest(name, settings.type, project.target, settings.address, result.checks, result.changes)


@dataclass(frozen=True, slots=True)
class DestinationSummary:
    """A destination as it is written in the project file."""

    name: str
    type: str
    goes_to: str
    """The name of the event source or of the audience."""
    credential: str | None
    api_url: str
    destination_account_name: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return an entry of what `connector destinations list --json` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


def list_destinations(project: Project) -> list[DestinationSummary]:
    """List all destinations in the order of the file. Raises ConfigurationError if a variable is not set."""
    return [
        DestinationSummary(
            settings.name,
            settings.type,
            destination_of(settings).goes_to,
            settings.credential_name,
            settings.address,
            settings.destination_account_name,
        )
        for settings in map(project.destination, project.destinations)
    ]
