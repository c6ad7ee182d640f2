"""The overview: every orchestration with its last runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.responses import Response

from connector.config.project import Project
from connector.console.due_times import next_due_time
from connector.console.lists import is_empty, run_sentence, status_now
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.outcomes import RunStatus
from connector.errors import ConfigurationError
from connector.ledger.views.run_lists import ListedRun, last_runs
from connector.ledger.views.schedules import ScheduleStatus, list_schedules
from connector.ledger.views.work import RunProgress, WorkUnderWay, work_under_way

STRIP_RUNS = 20
"""The last runs of an orchestration that the overview draws."""


@dataclass(frozen=True, slots=True)
class OrchestrationRow:
    """A row of the overview."""

    name: str
    """The name of the orchestration."""
    workflow: str
    """`Automatic` or `Manual`."""
    runs: list[ListedRun] = field(default_factory=list)
    """Its last runs, oldest first."""
    status: RunStatus | None = None
    """The status of the last run now, or waiting if one is to start; None without any."""
    progress: RunProgress | None = None
    """How far the run in progress is."""
    due: datetime | None = None
    """When it is due next."""
    paused: bool = False
    """True if its schedule is paused."""
    problem: str | None = None
    """Why its settings cannot be used."""

    @property
    def last(self) -> ListedRun | None:
        """Its last run."""
        return self.runs[-1] if self.runs else None

    @property
    def is_empty(self) -> bool:
        """True if the last run completed although it read no row."""
        return self.last is not None and is_empty(self.last)

    @property
    def newest_event(self) -> datetime | None:
        """The time of the latest event that was delivered."""
        times = [run.totals.newest_event for run in self.runs if run.totals.newest_event]
        return max(times, default=None)

    @property
    def sentence(self) -> str:
        """Describe the chart of the last runs in a sentence, for readers who cannot see it."""
        return run_sentence(self.runs)


def show(visit: Visit) -> Response:
    """Show the overview."""
    project, now = visit.project, datetime.now(UTC)
    names = list(project.orchestrations)
    with visit.reading() as connection:
        runs = last_runs(connection, project.target, names, STRIP_RUNS) if names else {}
        schedules = {one.orchestration: one for one in list_schedules(connection, project.target)}
        work = work_under_way(connection, project.state_directory, project.target)
    rows = [_row(project, name, runs.get(name, []), schedules, work, now) for name in names]
    return render(
        visit,
        "overview.html",
        rows=rows,
        has_runs=any(row.runs for row in rows),
        summary=_summary(rows),
        strip_runs=STRIP_RUNS,
    )


def _row(
    project: Project,
    name: str,
    runs: list[ListedRun],
    schedules: Mapping[str, ScheduleStatus],
    work: WorkUnderWay,
    now: datetime,
) -> OrchestrationRow:
    status = status_now(runs[0], work) if runs else None
    if status is not RunStatus.RUNNING and any(one.orchestration == name for one in work.launches):
        status = RunStatus.WAITING
    progress = work.progress_of(runs[0].run_id) if runs else None
    schedule = schedules.get(name)
    paused = schedule is not None and schedule.paused_since is not None
    try:
        is_automatic = project.is_automatic(name)
        due = next_due_time(project, name, now) if is_automatic and not paused else None
    except ConfigurationError as error:
        return OrchestrationRow(name, "–", runs[::-1], status, progress, problem=error.problems[0].message)
    return OrchestrationRow(name, "Automatic" if is_automatic else "Manual", runs[::-1], status, progress, due, paused)


def _summary(rows: list[OrchestrationRow]) -> str:
    failing = [row for row in rows if row.status is RunStatus.FAILED and row.last]
    running = sum(row.status is RunStatus.RUNNING for row in rows)
    since = min((row.last.started_at for row in failing if row.last), default="")
    words = f" since {since[:16].replace('T', ' ')} UTC" if since else ""
    return f"{len(failing)} failing{words} · {running} running · {len(rows)} orchestration{'s' * (len(rows) != 1)}"
