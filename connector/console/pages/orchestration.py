"""One orchestration: its runs, mapping, SQL, settings and schedule."""

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from connector.config.project import Project
from connector.config.setting_diff import SECRET
from connector.config.suggest import did_you_mean
from connector.console.due_times import due_times
from connector.console.endpoint import MissingPage
from connector.console.highlight import highlighted
from connector.console.lists import is_empty, run_sentence, status_now
from connector.console.render import render
from connector.console.security.limits import SQL_BYTES
from connector.console.visit import Visit
from connector.core.outcomes import RunStatus
from connector.core.redaction import anonymous
from connector.errors import ConfigurationError, ConnectorError
from connector.inspection.dbt_models import ModelDescription, describe_models
from connector.inspection.validate import mapped_parameters
from connector.ledger.views.run_lists import ListedRun, last_runs
from connector.ledger.views.schedules import list_schedules
from connector.ledger.views.work import work_under_way
from connector.queries.query_template import RunVariables
from connector.runs.job import prepare

RUNS = 50
"""The runs that the page plots."""
LISTED = 10
"""The runs that the page lists."""
COMPLETED = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting with its origin."""

    name: str
    """Its name, such as `destination.api_url`."""
    text: str
    """Its value as a text without secrets."""
    origin: str
    """The place that it comes from."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file that the orchestration uses."""

    name: str
    """Its path relative to the project."""
    code: Markup
    """Its text with colours."""
    is_cut: bool
    """True if the file goes on."""


def show(visit: Visit) -> Response:
    """Show the orchestration."""
    project, name, now = visit.project, visit.path["name"], datetime.now(UTC)
    check_name(project, name)
    with visit.reading() as connection:
        runs = last_runs(connection, project.target, [name], RUNS)[name]
        schedules = {one.orchestration: one for one in list_schedules(connection, project.target)}
        work = work_under_way(connection, project.state_directory, project.target)
    status = status_now(runs[0], work) if runs else None
    launch = next((one for one in work.launches if one.orchestration == name), None)
    mapping, models, problem = _mapping(project, name, now)
    return render(
        visit,
        "orchestration.html",
        name=name,
        status=RunStatus.WAITING if launch and status is not RunStatus.RUNNING else status,
        is_empty=bool(runs) and is_empty(runs[0]),
        runs=[(run, status_now(run, work)) for run in runs[:LISTED]],
        launch=launch,
        history=runs[::-1],
        sentence=run_sentence(runs),
        median_seconds=median([run.seconds for run in runs if run.status in COMPLETED] or [0]),
        values=_values(runs),
        mapping=mapping,
        models=models,
        problem=problem,
        texts=_texts(visit, project, name),
        settings=_settings(project, name),
        schedule=schedules.get(name),
        **_schedule(project, name, now),
    )


def check_name(project: Project, name: str) -> None:
    """Raise MissingPage if the project has no orchestration of this name."""
    if name not in project.orchestrations:
        hint = did_you_mean(name, project.orchestrations)
        raise MissingPage(f'There is no orchestration "{name}".{hint}')


def _mapping(
    project: Project, name: str, now: datetime
) -> tuple[list[tuple[str, str, str, str]], tuple[ModelDescription, ...], str | None]:
    """Return the mapping and the dbt models of the query, or why there is none."""
    try:
        job = prepare(project, name, RunVariables(started_at=now))
        mapping = mapped_parameters(job)
        accepted = {parameter: columns.split(", ") for parameter, columns, _, _ in mapping}
        return mapping, describe_models(job, accepted) if job.models else (), None
    except ConfigurationError as error:
        return [], (), " ".join(problem.message for problem in error.problems[:3])
    except ConnectorError as error:
        return [], (), error.message


def _values(runs: list[ListedRun]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return the value delivered by day of the run, for each currency."""
    by_currency: dict[str, dict[str, float]] = {}
    for run in reversed(runs):
        for currency, value in run.totals.value.items():
            days = by_currency.setdefault(currency, {})
            day = run.started_at[:10]
            days[day] = days.get(day, 0.0) + float(value)
    return [(currency, list(days.items())) for currency, days in sorted(by_currency.items())]


def _texts(visit: Visit, project: Project, name: str) -> list[Text]:
    """Return the query and the template as they are written; without addresses for those who may not edit."""
    entry = project.partial_orchestration(name)
    texts = []
    for path, language in ((entry.query_path, "sql+jinja"), (entry.template_path, "yaml")):
        if path is None or not path.is_file() or not path.resolve().is_relative_to(project.directory.resolve()):
            continue
        content = path.read_bytes()
        text = content[:SQL_BYTES].decode("utf-8", "replace")
        shown = text if visit.rights.admin else anonymous(text)
        relative = path.resolve().relative_to(project.directory.resolve()).as_posix()
        texts.append(Text(relative, highlighted(shown, language), len(content) > SQL_BYTES))
    return texts


def _settings(project: Project, name: str) -> list[SettingRow]:
    texts = project.settings_used(name)
    return [
        SettingRow(key, "(secret)" if str(text) == SECRET else str(text), _origin(project, name, key))
        for key, text in texts.items()
    ]


def _origin(project: Project, name: str, key: str) -> str:
    """Say where a setting comes from: `targets.sandbox, line 104`, or the line in the base."""
    part, _, rest = key.partition(".")
    if part == "orchestration":
        path: tuple[str, ...] = ("orchestrations", name, *rest.split("."))
    elif part in {"warehouse", "destination", "engine", "credential"} and rest:
        owner = project.node("orchestrations", name)
        if part == "credential":
            owner = project.node("destinations", str(owner.at(("destination",)).value))
        path = (f"{part}s", str(owner.at((part,)).value), *rest.split("."))
    else:
        path = tuple(key.split("."))
    node = project.node(*path)
    of_target = node.origin[:1] == ("targets",)
    return f"targets.{node.origin[1]}, line {node.line}" if of_target else f"line {node.line}"


def _schedule(project: Project, name: str, now: datetime) -> dict[str, Any]:
    try:
        schedule = project.orchestration(name).schedule
        is_automatic = project.is_automatic(name)
        times = due_times(project, name, now, now.replace(year=now.year + 1), most=5) if is_automatic else []
    except ConfigurationError:
        schedule, is_automatic, times = None, False, []
    return {"is_automatic": is_automatic, "schedule_words": str(schedule) if schedule else None, "due": times}
