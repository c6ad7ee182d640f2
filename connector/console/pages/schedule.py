"""The page of schedules: the next times of each orchestration, and its pause."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import RedirectResponse, Response

from connector.config.project import Project
from connector.console.actions import allow, record
from connector.console.due_times import due_times
from connector.console.pages.orchestration import check_name
from connector.console.render import render
from connector.console.visit import Visit
from connector.errors import ConfigurationError
from connector.ledger.locks import START
from connector.ledger.views.schedules import ScheduleStatus, list_schedules
from connector.ledger.views.work import work_under_way

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A row of the page."""

    name: str
    """The name of the orchestration."""
    schedule: str
    """Its schedule in words."""
    zone: str
    """The time zone of its schedule."""
    times: list[datetime]
    """When it is due within a week."""
    status: ScheduleStatus | None
    """Its state in the ledger."""
    problem: str | None = None
    """Why its settings cannot be used."""

    @property
    def is_paused(self) -> bool:
        """True if its schedule is paused."""
        return self.status is not None and self.status.paused_since is not None


def show(visit: Visit) -> Response:
    """Show the schedules of the automatic orchestrations."""
    project, now = visit.project, datetime.now(UTC)
    with visit.reading() as connection:
        known = {one.orchestration: one for one in list_schedules(connection, project.target)}
        work = work_under_way(connection, project.state_directory, project.target)
    rows = [row for name in project.orchestrations if (row := _row(project, name, known.get(name), now))]
    rows.sort(key=lambda row: (row.times[0] if row.times else now + 2 * WEEK, row.name))
    marks = [(_position(time, now), row.is_paused) for row in rows for time in row.times]
    return render(
        visit, "schedule.html", rows=rows, start=work.lock_on(START), marks=marks,
        days=[now + timedelta(days=day) for day in range(8)],
    )  # fmt: skip


def _position(time: datetime, now: datetime) -> str:
    return f"{700 * ((time - now) / WEEK):.1f}"


def _row(project: Project, name: str, status: ScheduleStatus | None, now: datetime) -> ScheduleRow | None:
    try:
        if not project.is_automatic(name):
            return None
        schedule = project.orchestration(name).schedule
        if schedule is None:
            return None
        return ScheduleRow(name, str(schedule), schedule.timezone, due_times(project, name, now, now + WEEK), status)
    except ConfigurationError as error:
        return ScheduleRow(name, "–", "–", [], status, error.problems[0].message)


def pause(visit: Visit) -> Response:
    """Pause the schedule of an orchestration: runs by hand still start, and what goes on goes on."""
    name = visit.path["name"]
    check_name(visit.project, name)
    grant = allow(visit, visit.project, "start", name)
    visit.ledger.pauses.add(name, visit.project.target, visit.visitor.user)
    record(visit, "pause", orchestration=name, allowed=grant.use.allowed)
    return RedirectResponse(visit.url("/schedule"), 303)


def unpause(visit: Visit) -> Response:
    """End the pause of a schedule."""
    name = visit.path["name"]
    check_name(visit.project, name)
    grant = allow(visit, visit.project, "start", name)
    visit.ledger.pauses.delete(name, visit.project.target)
    record(visit, "unpause", orchestration=name, allowed=grant.use.allowed)
    return RedirectResponse(visit.url("/schedule"), 303)
