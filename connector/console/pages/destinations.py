"""Where events and audiences go."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.console.actions import acting, record
from connector.console.background import TooMuchWork, new_task
from connector.console.endpoint import MissingPage, Refused
from connector.console.render import render
from connector.console.security.limits import TESTS_A_MINUTE
from connector.console.visit import Visit
from connector.errors import ConfigurationError
from connector.inspection.destination_tests import run_destination_test
from connector.ledger.views.activity import AuditFilter, NumberedLine, list_audit
from connector.privacy.access import check_destination

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
    question = visit.console.questions.get(visit.query.get("test", ""))
    is_own = question is not None and question.subject == name and question.target == visit.project.target
    return render(visit, "destination.html", row=row, question=question if is_own else None)


def test(visit: Visit) -> Response:
    """Ask the platform whether a destination can be written to; the page looks until there is an answer."""
    name, project = visit.path["name"], visit.project.acting_for(acting(visit))
    if name not in project.destinations:
        raise MissingPage(f'There is no destination "{name}".')
    check_destination(project, name)
    if not visit.console.tests.allow():
        raise Refused(f"At most {TESTS_A_MINUTE} tests a minute. Wait a minute.", 429)
    task = new_task("test", visit.visitor.user, project.target, name)
    try:
        visit.console.questions.start(task, lambda _: run_destination_test(project, name))
    except TooMuchWork:
        raise Refused("Other tests are under way. Wait until they are done.", 429) from None
    record(visit, f"test {name}")
    return RedirectResponse(visit.url(f"/destinations/{quote(name)}", test=task.id), 303)


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
