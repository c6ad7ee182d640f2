"""Validation of orchestrations, and compilation of their SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connector.catalogue import Kind, Parameter
from connector.config.engine import EngineSettings
from connector.config.project import Project, inspect_project
from connector.config.project_files import TESTS
from connector.config.yaml import parse_yaml
from connector.destinations.setting_notes import shown_place
from connector.errors import ConfigurationError, Problem, Rule, SourceError
from connector.queries.query_template import RunVariables, syntax_problems
from connector.runs.extract import setting_notes
from connector.runs.job import Job, current_job, job_and_changes, problems_beside_settings
from connector.runs.result import QueryFailed, compile_job, delimiters, describe
from connector.runs.row_limits import min_rows_note
from connector.transform.binding import Binding, bind, looks_constant
from connector.transform.template import Constant, DataTemplate, Source

if TYPE_CHECKING:
    from connector.inspection.dbt_models import ModelDescription


@dataclass(frozen=True, slots=True)
class ValidatedOrchestration:
    """An orchestration without problems."""

    name: str
    destination: str
    event_source: str
    """`web` or `offline`; `audience` if it sends no events."""
    parameters: list[tuple[str, str, str, str]]
    """Name, columns, path in the event and rule of each parameter that the result can fill."""
    changes: list[str]
    """Changes that a run would make at the platform before it sends. Empty unless the platform was asked."""
    notes: tuple[str, ...] = ()
    """Sentences that are good to know."""
    warnings: tuple[str, ...] = ()
    """Sentences about what is probably a mistake."""
    columns_to_check: tuple[str, ...] = ()
    """Columns that the template names, if the warehouse or file was not asked for them."""
    engine: EngineSettings | None = None
    """The engine that runs would use."""
    models: "tuple[ModelDescription, ...]" = ()
    """The models and sources of dbt that the query reads."""

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector validate --json` prints for an orchestration."""
        keys = ("parameter", "columns", "goes_to", "rule")
        parameters = [dict(zip(keys, parameter, strict=True)) for parameter in self.parameters]
        return {
            "name": self.name,
            "destination": self.destination,
            "event_source": self.event_source,
            "parameters": parameters,
            "changes": self.changes,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "columns_to_check": list(self.columns_to_check),
            **({"engine": self.engine.as_json()} if self.engine else {}),
            **({"models": [model.as_json() for model in self.models]} if self.models else {}),
        }


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of validating a project."""

    project: Project | None
    """The project; None if its file cannot be read."""
    orchestrations: Sequence[ValidatedOrchestration]
    """The orchestrations without problems."""
    problems: Sequence[Problem]
    """The problems of all files."""

    @property
    def target(self) -> str | None:
        """The target in use; None if the project file cannot be read."""
        return self.project.target if self.project else None

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector validate --json` prints."""
        valid = [one.as_json() for one in self.orchestrations]
        problems = [problem.as_json() for problem in self.problems]
        return {"target": self.target, "orchestrations": valid, "problems": problems}


def validate_orchestrations(project: Project, names: list[str], *, connect: bool) -> list[ValidatedOrchestration]:
    """Validate orchestrations; with `connect` also the columns that their queries return, and names of event sets.

    Raises ConfigurationError with the problems of all of them, SourceError if nothing but warehouses failed.
    """
    validated, problems = _validate_each(project, names, connect=connect)
    if problems:
        raise ConfigurationError(problems)
    return validated


def validate_project(
    directory: Path,
    environ: Mapping[str, str],
    target: str | None = None,
    name: str | None = None,
    *,
    connect: bool = False,
    config_directory: Path | None = None,
) -> Validation:
    """Validate the project file, the orchestrations, with their queries and templates, and the tests of queries.

    With a `name`, validate this orchestration only. Raises SourceError if nothing but warehouses failed.
    """
    try:
        project, found = inspect_project(
            directory, environ, target, config_directory=config_directory, offline=not connect
        )
    except ConfigurationError as error:
        is_broken = any(problem.rule is Rule.SYNTAX for problem in error.problems)
        others = _problems_of_other_files(config_directory or directory) if is_broken else []
        return Validation(None, [], [*error.problems, *others])
    names = [name] if name else list(project.orchestrations)
    validated, problems = _validate_each(project, names, connect=connect and not found.items)
    problems += _problems_of_tests(project) if name is None and not found.items else []
    of_files = sorted((one for one in problems if one not in found.items), key=lambda one: _order(project, one))
    return Validation(project, [] if found.items else validated, [*found.ordered(), *of_files])


def _problems_of_tests(project: Project) -> list[Problem]:
    """Return the problems of the files of tests; those of the orchestrations are known already."""
    if not any((project.config_directory / TESTS).glob("*.y*ml")):
        return []
    from connector.config.query_test import load_query_tests
    from connector.inspection.expectations import read_expectations

    without_secrets = project.with_stand_ins()
    try:
        read_expectations(without_secrets, load_query_tests(without_secrets).tests)
    except ConfigurationError as error:
        return [problem for problem in error.problems if problem.file != project.file]
    return []


def _problems_of_other_files(folder: Path) -> list[Problem]:
    """Return the syntax errors of the queries and templates of a project whose own file is not YAML."""
    queries, templates = sorted(folder.glob("queries/*.sql")), sorted(folder.glob("templates/*.yaml"))
    found = [*map(syntax_problems, queries), *(parse_yaml(path)[1] for path in templates)]
    return [problem for problems in found for problem in problems]


def _order(project: Project, problem: Problem) -> tuple[bool, str, int, int]:
    return problem.file != project.file, str(problem.file or ""), problem.line or 0, problem.column or 0


def _validate_each(
    project: Project, names: list[str], *, connect: bool
) -> tuple[list[ValidatedOrchestration], list[Problem]]:
    """Validate each; a warehouse that cannot be opened is asked once, and hides no problems of others.

    Raises SourceError with all such warehouses if there is no other problem.
    """
    problems: dict[Problem, None] = {}
    failures: dict[str, None] = {}
    unopened: set[str] = set()
    validated: list[ValidatedOrchestration] = []
    for name in names:
        job = None
        try:
            job, changes = job_and_changes(project, name) if connect else (current_job(project, name, full=True), [])
            if job.warehouse is None or job.warehouse.name not in unopened:
                validated.append(_validate(project, job, changes, connect=connect))
        except ConfigurationError as error:
            problems |= dict.fromkeys(error.problems)
            if name in project.orchestrations:
                problems |= dict.fromkeys(problems_beside_settings(project, name, RunVariables(datetime.now(UTC))))
        except QueryFailed as error:
            problems[error.problem] = None
        except SourceError as error:
            failures[error.message] = None
            unopened |= {job.warehouse.name} if job and job.warehouse else set()
    if failures and not problems:
        raise SourceError("\n".join(failures))
    problems |= dict.fromkeys(Problem(failure, rule=Rule.SOURCE_FAILED) for failure in failures)
    return validated, list(problems)


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """The SQL of a run."""

    query: str | None
    """The query that is sent to the warehouse. None if the source is files."""
    files: list[tuple[str, str]]
    """The files, each with its delimiter."""
    transform: str
    """The SQL that transforms a slice of the result."""


def compile_sql(project: Project, name: str) -> CompiledSql:
    """Compile the SQL of an orchestration. Raises ConfigurationError, SourceError."""
    job = current_job(project, name)
    compiler = compile_job(job, describe(job, project.directory))
    return CompiledSql(None if job.file else job.sql, delimiters(job), compiler.sql)


def _validate(project: Project, job: Job, changes: list[str], *, connect: bool) -> ValidatedOrchestration:
    binding = schema = None
    if connect:
        schema = describe(job, project.directory)
        compile_job(job, schema)
        binding = bind(job.template, schema, job.destination.catalogue)
        _check_stage(project, job)
    rows = mapped_parameters(job, binding)
    note = min_rows_note(job.orchestration, job.orchestration.limit)
    notes = (*job.destination.notes([row[0] for row in rows]), *((note,) if note else ()), *_split_notes(job))
    warnings = (*setting_notes(project, job, schema), *_constant_notes(project, job))
    return ValidatedOrchestration(
        job.orchestration.name,
        job.settings.name,
        job.destination.kind,
        rows,
        changes,
        notes,
        warnings,
        () if connect else _named_columns(job.template),
        job.orchestration.engine,
        _models(job, rows),
    )


def mapped_parameters(job: Job, binding: Binding | None = None) -> list[tuple[str, str, str, str]]:
    """Return name, columns, path in the event and rule of each parameter that a job fills.

    Without a binding, of which the warehouse or file has told the columns, those that the template names.
    """
    return [
        (parameter.name, columns, _path(parameter), parameter.rule)
        for parameter in job.destination.parameters()
        if (columns := _columns(job.template, parameter, binding))
    ]


def _models(job: Job, rows: Sequence[tuple[str, str, str, str]]) -> "tuple[ModelDescription, ...]":
    """Describe the dbt models of a job; `rows` are its parameters with their columns."""
    if not job.models:
        return ()
    from connector.inspection.dbt_models import describe_models

    return describe_models(job, {parameter: columns.split(", ") for parameter, columns, _, _ in rows})


def _check_stage(project: Project, job: Job) -> None:
    """Raise ConfigurationError if the stage of the job's engine cannot be written to from here."""
    if job.orchestration.engine is None:
        return
    from connector.runs.engine_checks import check_stage

    check_stage(project, job.orchestration.engine)


def _split_notes(job: Job) -> Iterator[str]:
    """Yield a sentence if the setting by which a result is divided has no effect."""
    if job.orchestration.split_by is not None and job.orchestration.engine is None:
        yield "split_by has no effect without an engine: one process reads the whole result."


def _constant_notes(project: Project, job: Job) -> Iterator[str]:
    """Yield a sentence for each column of the template whose name looks like a constant."""
    catalogue = job.destination.catalogue
    for key, source in job.template.sources.items():
        for column in () if isinstance(source, Constant) else source:
            if looks_constant(catalogue, key, column.name):
                place = job.template.places[key]
                where, name = shown_place(project, place.file, place.line), column.name
                yield f'{where}: {key} takes the column "{name}"; for a constant, write {{value: {name}}}.'


def _named_columns(template: DataTemplate) -> tuple[str, ...]:
    sources = (source for source in template.sources.values() if not isinstance(source, Constant))
    return tuple(dict.fromkeys(column.name for source in sources for column in source))


def _path(parameter: Parameter) -> str:
    if parameter.path:
        return ".".join(parameter.path)
    return "request" if parameter.kind is Kind.ROUTE else "not sent"


def _columns(template: DataTemplate, parameter: Parameter, binding: Binding | None) -> str:
    if binding:
        fields = ", ".join(field.name for field in binding.fields.get(parameter.name, ()))
        constant = binding.constants.get(parameter.name)
        return f"always {constant.value!r}" if constant else fields
    source: Source | None = template.sources.get(parameter.name)
    if isinstance(source, Constant):
        return f"always {source.value!r}"
    if source:
        return ", ".join(column.name for column in source)
    return ", ".join(parameter.columns) if template.identity else ""
