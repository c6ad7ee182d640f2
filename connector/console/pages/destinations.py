"""Where events and audiences go."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.console.endpoint import MissingPage
from connector.console.render import render
from connector.console.visit import Visit
from connector.errors import ConfigurationError
from connector.ledger.views.activity import AuditFilter, NumberedLine, list_audit

SHOWN = (
    "description", "credential_name", "advertiser_id", "advertiser_ids", "event_source", "event_source_id",
    "event_set_name", "audience", "audience_id", "mode", "path", "fixed_event_name", "default_region", "timezone",
    "max_age_days", "admin_only", "pii",
)  # fmt: skip
"""The settings that the page of a destination shows; none is a secret."""


@dataclass(frozen=True, slots=True)
class DestinationRow:
    """A row of the list."""

    name: str
    """Its name."""
    type: str
    """Its type."""
    address: str
    """The address of its API; `simulator` for the one on this machine."""
    settings: dict[str, Any]
    """The settings that are shown."""
    used_by: list[str]
    """The orchestrations that send to it."""
    test: NumberedLine | None
    """The audit line of its last test."""
    problem: str | None = None
    """Why its settings cannot be used."""


def show(visit: Visit) -> Response:
    """List the destinations."""
    return render(visit, "destinations.html", rows=_rows(visit, list(visit.project.destinations)))


def show_one(visit: Visit) -> Response:
    """Show one destination."""
    name, names = visit.path["name"], visit.project.destinations
    if name not in names:
        raise MissingPage(f'There is no destination "{name}".{did_you_mean(name, names)}')
    (row,) = _rows(visit, [name])
    return render(visit, "destination.html", row=row, result=None)


def _rows(visit: Visit, names: list[str]) -> list[DestinationRow]:
    with visit.reading() as connection:
        lines = list_audit(connection, AuditFilter(target=visit.project.target, command="destinations", limit=200))
        lines += list_audit(connection, AuditFilter(target=visit.project.target, command="test", limit=200))
    return [_row(visit.project, name, lines) for name in names]


def _row(project: Project, name: str, lines: list[NumberedLine]) -> DestinationRow:
    users = [
        one
        for one in project.orchestrations
        if str(project.node("orchestrations", one).at(("destination",)).value) == name
    ]
    tests = [one for one in lines if one.line.use.allowed and _is_test_of(one, name)]
    test = max(tests, key=lambda one: one.id, default=None)
    try:
        settings = project.destination(name)
    except ConfigurationError as error:
        return DestinationRow(name, "–", "–", {}, users, test, error.problems[0].message)
    shown = {key: value for key in SHOWN if (value := getattr(settings, key, None)) not in {None, (), False, ""}}
    return DestinationRow(name, settings.type, settings.address, shown, users, test)


def _is_test_of(line: NumberedLine, name: str) -> bool:
    use = line.line.use
    return use.command in {f"destinations test {name}", f"test {name}"}
