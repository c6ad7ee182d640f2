"""What can be known of an orchestration without sending."""

from dataclasses import dataclass

from connector.catalogue import AUDIENCES, PARAMETERS, Kind, Parameter
from connector.config.project import Project
from connector.destinations.tiktok.audience.job import AudienceJob, audience_job_now, is_audience
from connector.errors import ConfigurationError, Problem
from connector.runs.cautions import cautions
from connector.runs.job import Job, job_and_changes, job_now
from connector.runs.result import compile_audience, compile_job, delimiters, describe
from connector.runs.row_limits import min_rows_note
from connector.transform.binding import Binding, bind
from connector.transform.template import Constant, DataTemplate, Source

HASHED_EMAILS = (
    "An e-mail address that is hashed already is taken as it is: it must have the form that email_rule says before it "
    "is hashed."
)


@dataclass(frozen=True, slots=True)
class Checked:
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


def validate_orchestrations(project: Project, names: list[str], *, connect: bool) -> list[Checked]:
    """Checks orchestrations; with `connect` also the columns that their queries return, and event sets by name.

    Raises ConfigurationError with the problems of all of them, SourceError where a warehouse fails.
    """
    problems: list[Problem] = []
    checked: list[Checked] = []
    for name in names:
        try:
            if is_audience(project, name):
                checked.append(_checked_audience(project, name, connect=connect))
                continue
            job, changes = job_and_changes(project, name) if connect else (job_now(project, name), [])
            checked.append(_checked(project, job, changes, connect=connect))
        except ConfigurationError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigurationError(problems)
    return checked


@dataclass(frozen=True, slots=True)
class Compiled:
    """The query as the warehouse gets it (None: there are files), the files with their delimiters, the transform."""

    query: str | None
    files: list[tuple[str, str]]
    transform: str


def compiled_sql(project: Project, name: str) -> Compiled:
    """What will run. Raises ConfigurationError, SourceError."""
    if is_audience(project, name):
        audience = audience_job_now(project, name)
        people = compile_audience(audience, describe(audience, project.directory)).sql
        return Compiled(None if audience.file else audience.sql, delimiters(audience), people)
    job = job_now(project, name)
    compiled = compile_job(job, describe(job, project.directory))
    transform = f"{compiled.events_sql};\n\n{compiled.items_sql}"
    return Compiled(None if job.file else job.sql, delimiters(job), transform)


def _checked(project: Project, job: Job, changes: list[str], *, connect: bool) -> Checked:
    binding = schema = None
    if connect:
        schema = describe(job, project.directory)
        compile_job(job, schema)
        binding = bind(job.template, schema)
    source = job.destination.event_source
    rows = [
        (parameter.name, columns, _place(parameter), parameter.rule)
        for parameter in PARAMETERS
        if source in parameter.sources and (columns := _columns(job.template, parameter, binding))
    ]
    notes = _notes(job)
    warnings = tuple(cautions(project, job, schema))
    return Checked(job.orchestration.name, job.destination.name, source, rows, changes, notes, warnings)


def _checked_audience(project: Project, name: str, *, connect: bool) -> Checked:
    job, binding, schema = audience_job_now(project, name), None, None
    if connect:
        schema = describe(job, project.directory)
        compile_audience(job, schema)
        binding = bind(job.template, schema, AUDIENCES)
    rows = [
        (parameter.name, columns, _place(parameter), parameter.rule)
        for parameter in AUDIENCES.parameters
        if (columns := _columns(job.template, parameter, binding))
    ]
    hashed = (HASHED_EMAILS,) if any(row[0] == "email" for row in rows) else ()
    notes = (*hashed, *_notes(job))
    return Checked(name, job.destination.name, "audience", rows, [], notes, tuple(cautions(project, job, schema)))


def _notes(job: Job | AudienceJob) -> tuple[str, ...]:
    note = min_rows_note(job.orchestration, job.orchestration.limit)
    return (note,) if note else ()


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
