"""Prepare the job of a run: everything that is known before a connection is opened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from connector.catalogue import Catalogue
from connector.config.dbt import DBT
from connector.config.destination import DestinationSettings
from connector.config.file_format import FileFormat
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.warehouse import Warehouse
from connector.core.dialects import dialect_named
from connector.destinations.base import Destination
from connector.destinations.registry import destination_of, implementation_of
from connector.errors import ConfigurationError, Problem, Rule
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import last_success
from connector.ledger.run_records import RunRecord, Scope
from connector.queries.query_environment import TemplateLocation
from connector.queries.query_template import QueryTemplate, RunVariables, render_value
from connector.queries.transpile import transpile_query
from connector.sources.query_syntax import query_fault
from connector.sources.registry import check_driver
from connector.transform.template import DataTemplate, load_template

if TYPE_CHECKING:
    from connector.files.scan_report import FileInput
    from connector.queries.cursor import CursorRange
    from connector.queries.dbt_manifest import DbtNode, References
    from connector.runs.opted_out import OptOutQuery

TEMPLATES = "templates"
_MIRROR = "mirror"
DBT_MANIFEST = (DBT, "manifest")
"""The place of the setting in the file."""

_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True)
class Job:
    """The work of a run: a query on a warehouse or a file, a template, and the rules of the destination."""

    orchestration: Orchestration
    destination: Destination[Any]
    warehouse: Warehouse | None
    """None for a file."""
    sql: str
    """The rendered query; empty for a file."""
    template: DataTemplate
    rules: Any
    """The destination's rules for rows."""
    file: "FileInput | None" = None
    query: QueryTemplate | None = None
    """The saved query and its values; None for a file and a dbt model."""
    models: "tuple[DbtNode, ...]" = ()
    """The models and sources of dbt that the query reads."""
    model_place: tuple[Path, int, int] | None = None
    """The file, line and column of `model`."""
    cursor: "CursorRange | None" = None
    """The rows that it reads, if it reads incrementally."""
    opt_out: "OptOutQuery | None" = None
    """The query of people who are not sent, if the destination has one."""

    @property
    def settings(self) -> DestinationSettings:
        """The settings of the destination."""
        return self.destination.settings

    @property
    def has_prescribed_columns(self) -> bool:
        """True for files of a program that prescribes their columns."""
        return self.file is not None and self.file.format.is_conversions

    @property
    def is_incremental(self) -> bool:
        """True if it reads only a part of the rows, by its cursor."""
        return self.cursor is not None and self.cursor.since is not None

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides what is sent: query, parameters, template, destination."""
        query = self.orchestration.query_path.read_bytes() if self.orchestration.query_path else b""
        parts = (
            query,
            self.orchestration.sql_dialect,
            self.orchestration.parameters,
            self.template,
            *self.destination.identity(self.rules),
        )
        file = (self.file.format,) if self.file else ()
        models = tuple((node.unique_id, node.relation_name) for node in self.models)
        return sha256(repr((*parts, *file, *models)).encode()).hexdigest()


def prepare(project: Project, name: str, query: RunVariables, known_id: str | None = None) -> Job:
    """Return the job of an orchestration; `known_id` is the platform's id of a resource that the settings only name.

    Raises ConfigurationError with every problem found.
    """
    return prepare_orchestration(project, project.orchestration(name), query, known_id)


def prepare_orchestration(
    project: Project, orchestration: Orchestration, query: RunVariables, known_id: str | None = None
) -> Job:
    """Return the job of an orchestration whose settings may differ from those of the file, as `prepare` does."""
    destination = destination_of(orchestration.destination)
    problems: list[Problem] = []
    attempt(problems, lambda: _refuse_test_event_code(project, orchestration, destination))
    attempt(problems, lambda: destination.validate(project, orchestration))
    attempt(problems, lambda: _refuse_cursor(project, orchestration, destination))
    attempt(problems, lambda: _check_engine(project, orchestration))
    file = attempt(problems, lambda: file_of(project, orchestration)) if orchestration.file else None
    warehouse = attempt(problems, lambda: warehouse_of(project, orchestration)) if not orchestration.file else None
    references = attempt(problems, lambda: dbt_references(project, orchestration))
    sql = "" if orchestration.file else attempt(problems, lambda: sql_of(project, orchestration, query, references))
    template = attempt(problems, lambda: template_of(project, orchestration, destination.catalogue))
    opt_out = attempt(problems, lambda: _opt_out_query(project, orchestration, query))
    if problems or sql is None or not ((warehouse or file) and template):
        raise ConfigurationError(problems)
    rules = destination.rules(orchestration, int(query.started_at.timestamp()), known_id)
    saved = query_template(orchestration, query, references) if orchestration.query_path else None
    models = tuple(references.used.values()) if references else ()
    place = project.location("orchestrations", orchestration.name, "model") if orchestration.model else None
    return Job(orchestration, destination, warehouse, sql, template, rules, file, saved, models, place, opt_out=opt_out)


def problems_beside_settings(project: Project, name: str, query: RunVariables) -> list[Problem]:
    """Return the problems of the query and the template of an orchestration whose settings are invalid.

    Only what the settings still say about them is checked.
    """
    orchestration = project.partial_orchestration(name)
    settings = orchestration.destination
    destination = implementation_of(settings.type, dict(project.node("destinations", settings.name).entries()))
    problems: list[Problem] = []
    if orchestration.query_path and orchestration.warehouse:
        references = attempt(problems, lambda: dbt_references(project, orchestration))
        attempt(problems, lambda: rendered(orchestration, query, references))
    if destination:
        attempt(problems, lambda: template_of(project, orchestration, destination.catalogue))
    return problems


def _refuse_test_event_code(project: Project, orchestration: Orchestration, destination: Destination[Any]) -> None:
    """Raise ConfigurationError for a test event code if the destination has no test mode."""
    if orchestration.test_event_code is not None and not destination.capabilities.test_mode:
        place = project.location("orchestrations", orchestration.name, "test_event_code")
        name = destination.settings.name
        message = f'test_event_code: the destination "{name}" has no test mode. Delete test_event_code.'
        raise ConfigurationError([Problem(message, *place, Rule.KEY_CONFLICT)])


def _refuse_cursor(project: Project, orchestration: Orchestration, destination: Destination[Any]) -> None:
    """Raise ConfigurationError for a cursor if the destination deletes what a part of the result does not have."""
    mode = getattr(destination.settings, "mode", None)
    if orchestration.cursor is None or mode != _MIRROR:
        return
    place = project.location("orchestrations", orchestration.name, "cursor")
    message = (
        f'cursor: the destination "{destination.settings.name}" has mode {mode}, so it would delete everybody whom '
        "only earlier rows have. Delete cursor, or set mode to add."
    )
    raise ConfigurationError([Problem(message, *place, Rule.KEY_CONFLICT)])


def _opt_out_query(project: Project, orchestration: Orchestration, query: RunVariables) -> "OptOutQuery | None":
    if orchestration.destination.suppress.query is None:
        return None
    from connector.runs.opted_out import opt_out_query

    return opt_out_query(project, orchestration, query)


def _check_engine(project: Project, orchestration: Orchestration) -> None:
    """Raise ConfigurationError if the machines of the orchestration's engine cannot run it."""
    if orchestration.engine is None:
        return
    from connector.runs.engine_checks import engine_problems

    if found := engine_problems(project, orchestration, orchestration.engine):
        raise ConfigurationError(found)


def attempt(problems: list[Problem], build: Callable[[], _Built]) -> _Built | None:
    """Return what `build` gives; None if it raises ConfigurationError, the problems of which are added."""
    try:
        return build()
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def current_job(
    project: Project,
    name: str,
    ledger: Ledger | None = None,
    known_id: str | None = None,
    *,
    started_at: datetime | None = None,
    full: bool = False,
    of_run: RunRecord | None = None,
) -> Job:
    """Return the job of a run that starts now, or started at a time. Raises ConfigurationError.

    The time of the last success, and the id of the destination's resource unless it is given, are read from `ledger`;
    without one, from the project's, if it exists. If the orchestration reads incrementally, the job reads what is new,
    everything if `full`, or the range that the run `of_run` has read.
    """
    scope = Scope(project.target, project.orchestration(name).destination.address)

    @cache
    def last() -> datetime | None:
        return ledger.runs.last_success(name, scope) if ledger else last_success(project, name, scope)

    variables = RunVariables(started_at or datetime.now(UTC), last)
    job = prepare(project, name, variables)
    known_id = known_id or job.destination.known_id(project, ledger)
    job = prepare(project, name, variables, known_id) if known_id else job
    return _restricted(project, job, variables.started_at, ledger, full=full, of_run=of_run)


def _restricted(
    project: Project, job: Job, started_at: datetime, ledger: Ledger | None, *, full: bool, of_run: RunRecord | None
) -> Job:
    """Return the job over the rows that it reads, if the orchestration reads incrementally."""
    if job.orchestration.cursor is None:
        return job
    from connector.runs.incremental import next_range, recorded_range, restricted

    if of_run is not None:
        return restricted(job, recorded_range(job, of_run, started_at))
    return restricted(job, next_range(project, job, started_at, ledger, full=full))


def job_and_changes(project: Project, name: str, *, full: bool = False) -> tuple[Job, list[str]]:
    """Return the job of a run that starts now, and its first changes at the platform, which may be asked.

    Raises ConfigurationError if the id and the name of the platform's resource do not match.
    """
    job = current_job(project, name, full=full)
    known_id, changes = job.destination.changes(project)
    return (current_job(project, name, known_id=known_id, full=full) if known_id else job), changes


def file_of(project: Project, orchestration: Orchestration) -> "FileInput":
    """Return the file that the orchestration reads. Raises ConfigurationError."""
    from connector.files.file_address import check_address
    from connector.files.scan_report import FileInput

    if orchestration.file is None:
        raise AssertionError("no file is named")
    try:
        check_address(orchestration.file, project.directory, orchestration.format)
    except ConfigurationError as error:
        place = project.location("orchestrations", orchestration.name, "file")
        raise ConfigurationError([Problem(error.message, *place, error.problems[0].rule)]) from None
    return FileInput(orchestration.file, orchestration.format or FileFormat(), project.directory)


def warehouse_of(project: Project, orchestration: Orchestration) -> Warehouse:
    """Return the warehouse that the orchestration queries. Raises ConfigurationError."""
    warehouse = orchestration.warehouse
    if warehouse is None:
        raise AssertionError("a query without a warehouse")
    try:
        check_driver(warehouse)
    except ConfigurationError as error:
        place = project.location("warehouses", warehouse.name, "url")
        raise ConfigurationError([Problem(error.message, *place, error.problems[0].rule)]) from None
    return warehouse


def dbt_references(project: Project, orchestration: Orchestration) -> "References | None":
    """Return `ref()` and `source()` of the orchestration; None without dbt. The manifest is read when one is called.

    Raises ConfigurationError, also for a manifest that cannot be read if the schedule follows dbt.
    """
    if orchestration.file or not project.has_dbt:
        return None
    from connector.queries.dbt_manifest import Manifest, References, load_manifest

    def load() -> Manifest:
        settings = project.dbt
        if settings is None:
            raise AssertionError("settings that are there and blank")
        return load_manifest(settings.manifest, project.location(*DBT_MANIFEST))

    warehouse = orchestration.warehouse
    sql_dialect = warehouse.dialect if warehouse and orchestration.model else orchestration.sql_dialect
    references = References(load, dialect_named(sql_dialect or "duckdb"), _only_database(warehouse))
    if orchestration.schedule and orchestration.schedule.after == DBT:
        references.check()
    return references


def _only_database(warehouse: Warehouse | None) -> str | None:
    """Return the name of the database that a DuckDB file or PostgreSQL connection is limited to."""
    if warehouse is None or warehouse.dialect not in {"duckdb", "postgresql"}:
        return None
    path = warehouse.url.get_secret_value().partition("?")[0].partition("://")[2].partition("/")[2]
    if warehouse.dialect == "duckdb":
        return None if ":" in path else Path(path).name.partition(".")[0] or None
    return unquote(path) or None


def sql_of(project: Project, orchestration: Orchestration, query: RunVariables, references: "References | None") -> str:
    """Return the SQL of the orchestration's query or dbt model. Raises ConfigurationError."""
    if orchestration.model is None:
        # A test that gives rows of the result has no query.
        return rendered(orchestration, query, references) if orchestration.query_path else ""
    if references is None:
        raise ConfigurationError([])  # The check of the settings has found that they lack dbt.
    try:
        return references.select(orchestration.model)
    except ValueError as error:
        end = "" if str(error).endswith(("?", ".")) else "."
        place = project.location("orchestrations", orchestration.name, "model")
        raise ConfigurationError([Problem(f"{error}{end}", *place, Rule.DBT)]) from None


def query_template(
    orchestration: Orchestration, query: RunVariables, references: "References | None" = None
) -> QueryTemplate:
    """Return the orchestration's saved query with its values."""
    if orchestration.query_path is None:
        raise AssertionError("a query without a path")
    return QueryTemplate(
        orchestration.query_path,
        orchestration.sql_dialect or "duckdb",
        orchestration.parameters,
        query,
        orchestration.target,
        orchestration.name,
        references,
    )


def rendered(orchestration: Orchestration, query: RunVariables, references: "References | None" = None) -> str:
    """Render the orchestration's query. Raises ConfigurationError."""
    saved = query_template(orchestration, query, references)
    sql = saved.render()
    runs_on = orchestration.warehouse.dialect if orchestration.warehouse else saved.dialect
    if orchestration.dialect is not None:
        with _places_of(saved):
            sql = transpile_query(sql, written_for=orchestration.dialect, runs_on=runs_on, file=saved.path)
    if fault := query_fault(sql, runs_on):
        problem = Problem(fault.message, saved.path, fault.line, fault.column, fault.rule)
        if orchestration.dialect is not None:
            raise ConfigurationError([replace(problem, line=None, column=None)])
        with _places_of(saved):
            raise ConfigurationError([problem])
    return sql


@contextmanager
def _places_of(query: QueryTemplate) -> Iterator[None]:
    """Turn the places of problems in the SQL into those of the query's file."""
    try:
        yield
    except ConfigurationError as error:
        places = [
            query.place(problem.line, problem.column) if problem.line else (None, None) for problem in error.problems
        ]
        raise ConfigurationError(
            [
                replace(problem, line=line, column=column)
                for problem, (line, column) in zip(error.problems, places, strict=True)
            ]
        ) from None


def template_of(project: Project, orchestration: Orchestration, catalogue: Catalogue) -> DataTemplate:
    """Load the orchestration's data template. Raises ConfigurationError."""

    def render(text: str, file: Path, line: int) -> object:
        return render_value(
            text,
            parameters=orchestration.parameters,
            target=orchestration.target,
            location=TemplateLocation(file, line),
            orchestration=orchestration.name,
        )

    return load_template(orchestration.template, project.config_directory / TEMPLATES, render, catalogue)
