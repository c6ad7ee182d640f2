"""What can be known of an orchestration without sending."""

from dataclasses import dataclass

from connector.catalogue import Kind, Parameter
from connector.config.project import Project
from connector.errors import ConfigurationError, Problem
from connector.runs.extract import cautions
from connector.runs.job import Job, current_job, job_and_changes
from connector.runs.result import compile_job, delimiters, describe
from connector.runs.row_limits import min_rows_note
from connector.transform.binding import Binding, bind
from connector.transform.template import Constant, DataTemplate, Source


@dataclass(frozen=True, slots=True)
class ValidatedOrchestration:
    """An orchestration in which nothing is wrong. `event_source` is `audience` where it sends no events.

    `parameters` are (name, columns, place in the event, rule) of what its events can carry; `changes` is what a run
    would first do to the ad account, as far as TikTok was asked, `notes` what is worth knowing, `warnings` what is
    probably not meant.
    """

    name: str
    destination: str
    event_source: str
    parameters: list[tuple[str, str, str, str]]
    changes: list[str]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The object that `connector validate --json` prints for it."""
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
        }


def validate_orchestrations(project: Project, names: list[str], *, connect: bool) -> list[ValidatedOrchestration]:
    """Checks orchestrations; with `connect` also the columns that their queries return, and event sets by name.

    Raises ConfigurationError with the problems of all of them, SourceError where a warehouse fails.
    """
    problems: list[Problem] = []
    checked: list[ValidatedOrchestration] = []
    for name in names:
        try:
            job, changes = job_and_changes(project, name) if connect else (current_job(project, name), [])
            checked.append(_checked(project, job, changes, connect=connect))
        except ConfigurationError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigurationError(problems)
    return checked


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """The query as the warehouse gets it (None: there are files), the files with their delimiters, the transform."""

    query: str | None
    files: list[tuple[str, str]]
    transform: str


def compile_sql(project: Project, name: str) -> CompiledSql:
    """What will run. Raises ConfigurationError, SourceError."""
    job = current_job(project, name)
    compiler = compile_job(job, describe(job, project.directory))
    return CompiledSql(None if job.file else job.sql, delimiters(job), compiler.sql)


def _checked(project: Project, job: Job, changes: list[str], *, connect: bool) -> ValidatedOrchestration:
    binding = schema = None
    if connect:
        schema = describe(job, project.directory)
        compile_job(job, schema)
        binding = bind(job.template, schema, job.destination.catalogue)
    rows = [
        (parameter.name, columns, _place(parameter), parameter.rule)
        for parameter in job.destination.parameters()
        if (columns := _columns(job.template, parameter, binding))
    ]
    note = min_rows_note(job.orchestration, job.orchestration.limit)
    notes = (*job.destination.notes([row[0] for row in rows]), *((note,) if note else ()))
    warnings = tuple(cautions(project, job, schema))
    name, destination = job.orchestration.name, job.settings.name
    return ValidatedOrchestration(name, destination, job.destination.kind, rows, changes, notes, warnings)


def _place(parameter: Parameter) -> str:
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
