"""One run: how far it is, or what became of its rows."""

from datetime import datetime

from starlette.responses import RedirectResponse, Response

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.console.endpoint import MissingPage
from connector.console.lists import is_empty, status_now
from connector.console.live import picture_of
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.outcomes import RunStatus
from connector.ledger.views.activity import run_activity
from connector.ledger.views.run_page import RunPage, read_run
from connector.ledger.views.work import work_under_way
from connector.reporting.html.labels import TIMELINE
from connector.reporting.html.page import body_values

RESUMABLE = (RunStatus.FAILED, RunStatus.INTERRUPTED)


def show(visit: Visit) -> Response:
    """Show a run; a unique prefix of its id leads to its page."""
    run_id = visit.path["run_id"]
    with visit.reading() as connection:
        page = read_run(connection, run_id)
        activity = run_activity(connection, run_id) if page else []
        work = work_under_way(connection, visit.project.state_directory, page.run.target) if page else None
    if page is None or work is None:
        return _elsewhere(visit, run_id)
    status = status_now(page.run, work)
    project = project_of(visit, page)
    is_running = status is RunStatus.RUNNING
    details = None if is_running else visit.console.runs.details(project, visit.ledger, page)
    return render(
        visit,
        "run.html",
        listed=page.run,
        page=page,
        status=status,
        is_empty=is_empty(page.run),
        picture=picture_of(page, status, datetime.now().astimezone()),
        activity=[(entry, TIMELINE.get(entry.what, entry.what)) for entry in activity],
        can_resume=status in RESUMABLE and page.run.resumable,
        rejected=page.run.totals.rows.rejected,
        **(body_values(details) if details else {"details": None}),
    )


def project_of(visit: Visit, page: RunPage) -> Project:
    """Return the project under the target of a run; under the current one if the file no longer has it."""
    targets = visit.state.project.targets
    return visit.state.under(page.run.target if page.run.target in targets else None)


def _elsewhere(visit: Visit, run_id: str) -> Response:
    """Redirect from the beginning of an id to the run, or say which run may be meant."""
    ledger = visit.ledger
    named = ledger.runs.latest(1) if run_id == "latest" else ledger.runs.named(run_id)
    if len(named) == 1:
        return RedirectResponse(visit.url(f"/runs/{named[0].run_id}"), 303)
    known = [run.run_id for run in ledger.runs.latest(100)]
    raise MissingPage(f'There is no run "{run_id}".{did_you_mean(run_id, known)}')


def find(visit: Visit) -> RunPage:
    """Return the run of the path. Raises MissingPage."""
    with visit.reading() as connection:
        page = read_run(connection, visit.path["run_id"])
    if page is None:
        raise MissingPage(f'There is no run "{visit.path["run_id"]}".')
    return page
