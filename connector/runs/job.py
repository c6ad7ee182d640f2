"""Everything about a run that can be known before a connection is opened."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from connector.catalogue import EVENTS, Catalogue
from connector.config.destination import EventsDestination
from connector.config.file_format import FileFormat
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.destinations.tiktok.events.event_set import intended_for, kept_id
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, ConfigurationError, Problem
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import last_success
from connector.ledger.records import Scope
from connector.queries.query_environment import TemplateLocation
from connector.queries.query_template import RunVariables, render_query, render_value
from connector.queries.transpile import transpile_query
from connector.sources.registry import check_driver
from connector.transform.rules import EventRules
from connector.transform.template import DataTemplate, load_template
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

if TYPE_CHECKING:
    from connector.files.scan_report import FileInput

TEMPLATES = "templates"

UNKNOWN_EVENT_SET = "0"
"""Stands for the id of an event set that has only a name so far. No event may be sent to it."""

_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True)
class Job:
    """What a run will do: this query on this warehouse, or this file, read with this template, under these rules.

    Where there is a file, there is no warehouse, and `sql` is empty.
    """

    orchestration: Orchestration
    destination: EventsDestination
    warehouse: Warehouse | None
    sql: str
    template: DataTemplate
    rules: EventRules
    file: "FileInput | None" = None

    @property
    def fingerprint(self) -> str:
        """Differs once something has changed that decides what is sent: query, parameters, template, destination."""
        query = self.orchestration.query_path.read_bytes() if self.orchestration.query_path else b""
        source = self.destination.event_source_id or f"{self.destination.event_set_name}"
        parts = (
            query,
            self.orchestration.sql_dialect,
            self.orchestration.parameters,
            self.template,
            replace(self.rules, started_at=0, event_source_id=source),
        )
        written = (self.file.format,) if self.file else ()
        return sha256(repr((*parts, *written)).encode()).hexdigest()


def prepare(project: Project, name: str, run: RunVariables, event_set_id: str | None = None) -> Job:
    """The job of an orchestration; `event_set_id` is that of an event set which has only a name in the file.

    Raises ConfigurationError with every problem found.
    """
    orchestration = project.orchestration(name)
    problems: list[Problem] = []
    destination = attempt(problems, lambda: _events_destination(orchestration))
    file = attempt(problems, lambda: file_of(project, orchestration)) if orchestration.file else None
    warehouse = attempt(problems, lambda: warehouse_of(project, orchestration)) if not orchestration.file else None
    sql = attempt(problems, lambda: rendered(orchestration, run)) if orchestration.query_path else ""
    template = attempt(problems, lambda: template_of(project, orchestration))
    rules = None
    if destination:
        rules = attempt(problems, lambda: _rules(project, destination, orchestration, run, event_set_id))
    if problems or sql is None or not (destination and (warehouse or file) and template and rules):
        raise ConfigurationError(problems)
    return Job(orchestration, destination, warehouse, sql, template, rules, file)


def attempt(problems: list[Problem], build: Callable[[], _Built]) -> _Built | None:
    """What `build` gives; None where it raises ConfigurationError, the problems of which are added to those known."""
    try:
        return build()
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def _events_destination(orchestration: Orchestration) -> EventsDestination:
    destination = orchestration.destination
    if isinstance(destination, EventsDestination):
        return destination
    raise ConfigurationError(f'The destination "{destination.name}" takes no events: it is of type {destination.type}.')


def job_now(project: Project, name: str, ledger: Ledger | None = None, event_set_id: str | None = None) -> Job:
    """The job that a run would do if it began now. Raises ConfigurationError.

    When it last succeeded, and the id of its event set unless it is given, are looked up in `ledger`; without one, in
    the project's, if there is one yet.
    """
    started_at = datetime.now(UTC)
    job = prepare(project, name, RunVariables(started_at=started_at))
    scope = Scope(project.target, job.destination.api_url)
    last = ledger.runs.last_success(name, scope) if ledger else last_success(project, name, scope)
    event_set_id = event_set_id or kept_id(project, job.destination, ledger)
    if not last and not event_set_id:
        return job
    return prepare(project, name, RunVariables(started_at=started_at, last_success_at=last), event_set_id)


def job_and_changes(project: Project, name: str) -> tuple[Job, list[str]]:
    """The job of a run that began now, and what it would first do to the ad account, for which TikTok is asked.

    Raises ConfigurationError where id and name of an event set do not fit. What TikTok does not tell is no change, but
    a sentence on what is not known.
    """
    job = job_now(project, name)
    try:
        found = intended_for(project, job.destination)
    except (AccountRefused, AccountUnreachable, AuthorisationError) as error:
        return job, [f"What a run does to the event set first is not known. {error.message}"]
    if found is None:
        return job, []
    known = found.found.event_set_id if found.found else None
    return job_now(project, name, event_set_id=known), found.changes


def file_of(project: Project, orchestration: Orchestration) -> "FileInput":
    """The file that the orchestration reads. Raises ConfigurationError."""
    from connector.files.file_address import check_address
    from connector.files.scan_report import FileInput

    if orchestration.file is None:
        raise AssertionError("no file is named")
    try:
        check_address(orchestration.file, project.directory)
    except ConfigurationError as error:
        place = project.place("orchestrations", orchestration.name, "file")
        raise ConfigurationError([Problem(error.message, *place)]) from None
    return FileInput(orchestration.file, orchestration.format or FileFormat(), project.directory)


def warehouse_of(project: Project, orchestration: Orchestration) -> Warehouse:
    """The warehouse that the orchestration asks. Raises ConfigurationError."""
    warehouse = orchestration.warehouse
    if warehouse is None:
        raise AssertionError("a query without a warehouse")
    try:
        check_driver(warehouse)
    except ConfigurationError as error:
        place = project.place("warehouses", warehouse.name, "url")
        raise ConfigurationError([Problem(error.message, *place)]) from None
    return warehouse


def rendered(orchestration: Orchestration, run: RunVariables) -> str:
    """The orchestration's query. Raises ConfigurationError."""
    if orchestration.query_path is None:
        raise AssertionError("a query without a path")
    sql = render_query(
        orchestration.query_path,
        dialect=orchestration.sql_dialect or "duckdb",
        parameters=orchestration.parameters,
        run=run,
        target=orchestration.target,
    )
    if orchestration.dialect is None or orchestration.warehouse is None:
        return sql
    runs_on = orchestration.warehouse.dialect
    return transpile_query(sql, written_for=orchestration.dialect, runs_on=runs_on, file=orchestration.query_path)


def template_of(project: Project, orchestration: Orchestration, catalogue: Catalogue = EVENTS) -> DataTemplate:
    """The orchestration's data template. Raises ConfigurationError."""

    def render(text: str, file: Path, line: int) -> object:
        return render_value(
            text,
            parameters=orchestration.parameters,
            target=orchestration.target,
            location=TemplateLocation(file, line),
        )

    return load_template(orchestration.template, project.saved_in / TEMPLATES, render, catalogue)


def _rules(
    project: Project,
    destination: EventsDestination,
    orchestration: Orchestration,
    run: RunVariables,
    event_set_id: str | None,
) -> EventRules:
    check_event_name(project, destination)
    return EventRules(
        event_source=destination.event_source,
        event_source_id=destination.event_source_id or event_set_id or UNKNOWN_EVENT_SET,
        started_at=int(run.started_at.timestamp()),
        fixed_event_name=destination.fixed_event_name,
        limited_data_use=destination.limited_data_use,
        custom_events=destination.custom_events,
        default_region=destination.default_region,
        timezone=destination.timezone,
        max_age_days=destination.max_age_days,
        line_items=orchestration.line_items,
        identical_rows=orchestration.identical_rows,
        negative_lines=orchestration.negative_lines,
    )


def check_event_name(project: Project, destination: EventsDestination) -> None:
    """Raises ConfigurationError for a fixed_event_name that TikTok does not know."""
    name, known = destination.fixed_event_name, (*STANDARD_EVENTS, *LEGACY_EVENTS, *destination.custom_events)
    if name is None or name in known:
        return
    advice = " Names of your own go into custom_events." if destination.event_source == "web" else ""
    message = (
        f'The destination "{destination.name}" has the fixed_event_name "{name}", which TikTok does not know.'
        f"{did_you_mean(name, known)}{advice} TikTok knows {', '.join(STANDARD_EVENTS)}."
    )
    place = project.place("destinations", destination.name, "fixed_event_name")
    raise ConfigurationError([Problem(message, *place)])
