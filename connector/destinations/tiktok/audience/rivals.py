"""Refuse orchestrations whose audiences conflict, before anything is opened."""

import json
from collections.abc import Iterator

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ConfigurationError, Problem

MIRROR, REMOVE = "mirror", "remove"

_Bound = tuple[Orchestration, AudienceSettings]


def refuse_rivals(project: Project, orchestration: Orchestration, destination: AudienceSettings) -> None:
    """Raise ConfigurationError if another orchestration would undo the changes of this one or repeat them elsewhere."""
    for other, to in _others(project, orchestration):
        # In the order of the file, so that both get the same message, once if all are checked.
        pair = ((orchestration, destination), (other, to))
        first, last = sorted(pair, key=lambda one: project.orchestrations.index(one[0].name))
        if problem := _undone(destination, first, last) or _repeated(first, last):
            place = project.location("orchestrations", last[0].name, "destination")
            raise ConfigurationError([Problem(problem, *place)])


def _others(project: Project, orchestration: Orchestration) -> Iterator[tuple[Orchestration, AudienceSettings]]:
    """Yield the other orchestrations with an audience, except those that cannot run."""
    for name in project.orchestrations:
        if name == orchestration.name:
            continue
        try:
            other = project.orchestration(name)
        except ConfigurationError:
            continue
        if isinstance(other.destination, AudienceSettings):
            yield other, other.destination


def _undone(asked: AudienceSettings, first: _Bound, last: _Bound) -> str | None:
    """Describe a conflict of two queries that mirror one audience: each would delete the people of the other."""
    (one, destination), (other, to) = first, last
    same = _has_same_name(destination, to) and accounts(destination) & accounts(to)
    if asked.mode != MIRROR or not same:
        return None
    mirror = destination if destination.mode == MIRROR else to
    return (
        f'"{one.name}" and "{other.name}" both change the audience of "{mirror.name}", which mirrors '
        "its query: each would undo the other. Give each an audience of its own."
    )


def _repeated(first: _Bound, last: _Bound) -> str | None:
    """Describe an audience sent to several accounts separately, which TikTok refuses (LiveRamp's page)."""
    (orchestration, destination), (other, to) = first, last
    if REMOVE in {destination.mode, to.mode} or not _has_same_name(destination, to):
        return None
    if accounts(destination) == accounts(to) or _people_of(orchestration) != _people_of(other):
        return None
    ids = sorted(accounts(destination) | accounts(to))
    return (
        f'"{orchestration.name}" and "{other.name}" send the same people as the same audience '
        f'"{destination.audience or destination.audience_id}" to different ad accounts, through "{destination.name}" '
        f'and "{to.name}". TikTok does not allow the same audience to be sent to several ad accounts one by one: such '
        f"deliveries fail. Keep one destination with all of them, advertiser_ids: {json.dumps(ids)} (or a list for "
        f"each business: {json.dumps([[one] for one in ids])}), or give each audience a name of its own."
    )


def accounts(destination: AudienceSettings) -> frozenset[str]:
    """Return the ad accounts of a destination in all businesses."""
    return frozenset(one for business in destination.advertiser_ids for one in business)


def _has_same_name(one: AudienceSettings, other: AudienceSettings) -> bool:
    return _identity(one) == _identity(other) and one.api_url == other.api_url


def _identity(destination: AudienceSettings) -> str:
    """Return the id of the audience, or its name without surrounding white space."""
    return destination.audience_id or (destination.audience or "").strip()


def _people_of(orchestration: Orchestration) -> object:
    """Return what selects the people of the result; it is equal for two orchestrations that send the same people."""
    query = orchestration.query_path.read_text(errors="replace") if orchestration.query_path else orchestration.file
    warehouse = orchestration.warehouse.name if orchestration.warehouse else None
    return " ".join((query or "").split()), dict(orchestration.parameters), warehouse
