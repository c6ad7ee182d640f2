"""List the destinations of a project, and test whether they can be written to."""

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
    """What was found of a destination; `changes` is what a run would do to the ad account first."""

    destination: str
    type: str
    target: str
    api_url: str
    checks: Sequence[Check]
    changes: Sequence[str]

    @property
    def outcome(self) -> Outcome:
        """Failed where one check failed, else inconclusive where one stayed open."""
        outcomes = {check.outcome for check in self.checks}
        return next((one for one in (Outcome.FAILED, Outcome.INCONCLUSIVE) if one in outcomes), Outcome.PASSED)

    def as_json(self) -> dict[str, Any]:
        """The object that `connector destinations test --json` prints."""
        return {
            "destination": self.destination,
            "type": self.type,
            "target": self.target,
            "api_url": self.api_url,
            "outcome": self.outcome.value,
            "checks": [
                {"check": one.name, "outcome": one.outcome.value, "sentence": one.sentence} for one in self.checks
            ],
            "changes": list(self.changes),
        }


def run_destination_test(project: Project, name: str, test_event_code: str | None = None) -> DestinationTest:
    """Ask the platform about a destination; with a test event code one test event is sent to it.

    Raises ConfigurationError if the settings cannot be right, UsageError for a code that is none, AccessRefused.
    """
    refuse_blank_code(test_event_code)
    check_destination(project, name)
    settings = project.destination(name)
    found = destination_of(settings).check(project, test_event_code)
    return DestinationTest(name, settings.type, project.target, settings.address, found.checks, found.changes)


@dataclass(frozen=True, slots=True)
class DestinationSummary:
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


def list_destinations(project: Project) -> list[DestinationSummary]:
    """Every destination, in the order of the file. Raises ConfigurationError where a variable is not set."""
    found = map(project.destination, project.destinations)
    return [
        DestinationSummary(
            one.name,
            one.type,
            destination_of(one).goes_to,
            one.credential_name,
            one.address,
            one.destination_account_name,
        )
        for one in found
    ]
