"""Everything about a run that can be known before a connection is opened."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from connector.config.destination import EventsDestination
from connector.config.file_format import FileFormat
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError, Problem
from connector.files.places import check_address
from connector.files.reading import Input
from connector.ledger.ledger import Ledger
from connector.ledger.records import Scope
from connector.pipeline.history import last_success
from connector.queries.jinja import Place
from connector.queries.render import RunContext, render_query, render_value
from connector.queries.transpile import transpiled
from connector.sources.registry import check_driver
from connector.transform.rules import EventRules
from connector.transform.template import DataTemplate, load_template
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

TEMPLATES = "templates"

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
    file: Input | None = None

    @property
    def fingerprint(self) -> str:
        """Differs once something has changed that decides what is sent: query, parameters, template, destination."""
        query = self.orchestration.query_path.read_bytes() if self.orchestration.query_path else b""
        parts = (
            query,
            self.orchestration.sql_dialect,
            self.orchestration.parameters,
            self.template,
            replace(self.rules, started_at=0),
        )
        written = (self.file.format,) if self.file else ()
        return sha256(repr((*parts, *written)).encode()).hexdigest()


def prepare(project: Project, name: str, run: RunContext) -> Job:
    """The job of an orchestration. Raises ConfigurationError with every problem found."""
    orchestration = project.orchestration(name)
    problems: list[Problem] = []
    destination = _attempt(problems, lambda: _events_destination(orchestration))
    file = _attempt(problems, lambda: _file(project, orchestration)) if orchestration.file else None
    warehouse = _attempt(problems, lambda: _warehouse(project, orchestration)) if not orchestration.file else None
    sql = _attempt(problems, lambda: _render(orchestration, run)) if orchestration.query_path else ""
    template = _attempt(problems, lambda: _template(project, orchestration))
    rules = _attempt(problems, lambda: _rules(project, destination, orchestration, run)) if destination else None
    if problems or sql is None or not (destination and (warehouse or file) and template and rules):
        raise ConfigurationError(problems)
    return Job(orchestration, destination, warehouse, sql, template, rules, file)


def _attempt(problems: list[Problem], build: Callable[[], _Built]) -> _Built | None:
    try:
        return build()
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def _events_destination(orchestration: Orchestration) -> EventsDestination:
    destination = orchestration.destination
    if isinstance(destination, EventsDestination):
        return destination
    raise ConfigurationError(
        f'The destination "{destination.name}" is of type {destination.type}, which cannot be run yet: '
        "use one of type tiktok_events."
    )


def job_now(project: Project, name: str, ledger: Ledger | None = None) -> Job:
    """The job that a run would do if it began now. Raises ConfigurationError.

    When it last succeeded is looked up in `ledger`; without one, in the project's, if there is one yet.
    """
    started_at = datetime.now(UTC)
    job = prepare(project, name, RunContext(started_at=started_at))
    scope = Scope(project.target, job.destination.api_url)
    last = ledger.runs.last_success(name, scope) if ledger else last_success(project, name, scope)
    return prepare(project, name, RunContext(started_at=started_at, last_success_at=last)) if last else job


def _file(project: Project, orchestration: Orchestration) -> Input:
    if orchestration.file is None:
        raise AssertionError("no file is named")
    try:
        check_address(orchestration.file, project.directory)
    except ConfigurationError as error:
        place = project.place("orchestrations", orchestration.name, "file")
        raise ConfigurationError([Problem(error.message, *place)]) from None
    return Input(orchestration.file, orchestration.format or FileFormat(), project.directory)


def _warehouse(project: Project, orchestration: Orchestration) -> Warehouse:
    warehouse = orchestration.warehouse
    if warehouse is None:
        raise AssertionError("a query without a warehouse")
    try:
        check_driver(warehouse)
    except ConfigurationError as error:
        place = project.place("warehouses", warehouse.name, "url")
        raise ConfigurationError([Problem(error.message, *place)]) from None
    return warehouse


def _render(orchestration: Orchestration, run: RunContext) -> str:
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
    return transpiled(sql, written_for=orchestration.dialect, runs_on=runs_on, file=orchestration.query_path)


def _template(project: Project, orchestration: Orchestration) -> DataTemplate:
    def render(text: str, file: Path, line: int) -> object:
        return render_value(
            text, parameters=orchestration.parameters, target=orchestration.target, place=Place(file, line)
        )

    return load_template(orchestration.template, project.saved_in / TEMPLATES, render)


def _rules(
    project: Project, destination: EventsDestination, orchestration: Orchestration, run: RunContext
) -> EventRules:
    if destination.event_source_id is None:
        raise ConfigurationError(
            f'The destination "{destination.name}" lacks event_source_id: an event set cannot be found by its name yet.'
        )
    _check_event_name(project, destination)
    return EventRules(
        event_source=destination.event_source,
        event_source_id=destination.event_source_id,
        started_at=int(run.started_at.timestamp()),
        fixed_event_name=destination.fixed_event_name,
        limited_data_use=destination.limited_data_use,
        custom_events=destination.custom_events,
        default_region=destination.default_region,
        timezone=destination.timezone,
        max_age_days=destination.max_age_days,
        line_items=orchestration.line_items,
    )


def _check_event_name(project: Project, destination: EventsDestination) -> None:
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
