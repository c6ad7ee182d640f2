"""Refuse orchestrations whose audiences conflict, before anything is opened."""

from collections.abc import Callable, Iterator

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.errors import ConfigurationError, Problem, Rule

MIRROR = "mirror"

Bound = tuple[Orchestration, BaseAudienceSettings]
"""An orchestration and the settings of its destination."""

Conflict = Callable[[Bound, Bound], str | None]
"""Describes why two orchestrations, in the order of the file, conflict; None if they do not."""


def refuse_rivals(
    project: Project,
    orchestration: Orchestration,
    destination: BaseAudienceSettings,
    conflict: Conflict = lambda _first, _last: None,
) -> None:
    """Raise ConfigurationError if another orchestration would undo the changes of this one, or has another conflict."""
    for other, to in _others(project, orchestration):
        # In the order of the file, so that both get the same message, once if all are checked.
        pair = ((orchestration, destination), (other, to))
        first, last = sorted(pair, key=lambda bound: project.orchestrations.index(bound[0].name))
        if problem := _undone(destination, first, last) or conflict(first, last):
            place = project.location("orchestrations", last[0].name, "destination")
            raise ConfigurationError([Problem(problem, *place, Rule.KEY_CONFLICT)])


def _others(project: Project, orchestration: Orchestration) -> Iterator[Bound]:
    """Yield the other orchestrations with an audience, except those that cannot run."""
    for name in project.orchestrations:
        if name == orchestration.name:
            continue
        try:
            other = project.orchestration(name)
        except ConfigurationError:
            continue
        if isinstance(other.destination, BaseAudienceSettings):
            yield other, other.destination


def _undone(asked: BaseAudienceSettings, first: Bound, last: Bound) -> str | None:
    """Describe a conflict of two queries that mirror one audience: each would delete the people of the other."""
    (one, destination), (other, to) = first, last
    if asked.mode != MIRROR or not destination.is_same_audience(to):
        return None
    mirror = destination if destination.mode == MIRROR else to
    return (
        f'"{one.name}" and "{other.name}" both change the audience of "{mirror.name}", which mirrors '
        "its query: each would undo the other. Give each an audience of its own."
    )
