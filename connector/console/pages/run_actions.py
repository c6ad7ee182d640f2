"""Stop, resume and retry a run. Each asks on a page of its own first."""

import socket
from datetime import UTC, datetime

from starlette.responses import RedirectResponse, Response

from connector.config.project import Project
from connector.console.actions import VIA, acting, allow
from connector.console.endpoint import Refused
from connector.console.lists import status_now
from connector.console.pages.run import RESUMABLE, find, project_of
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.outcomes import Reason, RunStatus
from connector.ledger.launches import NewLaunch
from connector.ledger.views.run_page import RunPage
from connector.ledger.views.work import work_under_way
from connector.reporting.html.labels import REASONS
from connector.runs.job import current_job
from connector.runs.stop import request_stop

LOST_AFTER = 48 * 3600
"""Seconds after which TikTok may count an event twice that is sent again."""


def ask_stop(visit: Visit) -> Response:
    """Ask whether to stop a run."""
    page, status = _page(visit)
    if status is not RunStatus.RUNNING:
        raise Refused(f"Run {page.run.run_id} is not running. There is nothing to stop.")
    return render(visit, "stop.html", listed=page.run)


def stop(visit: Visit) -> Response:
    """Ask the process of a run to stop."""
    page = find(visit)
    request_stop(project_of(visit, page).acting_for(acting(visit)), page.run.run_id)
    return RedirectResponse(visit.url(f"/runs/{page.run.run_id}"), 303)


def ask_resume(visit: Visit) -> Response:
    """Show the rows and events that a resumed run still has to send."""
    page, status = _page(visit)
    _check_resumable(page, status)
    project = project_of(visit, page)
    age = (datetime.now(UTC) - datetime.fromisoformat(page.run.started_at)).total_seconds()
    return render(
        visit, "resume.html", listed=page.run, has_changed=_has_changed(visit, project, page), is_old=age > LOST_AFTER
    )


def resume(visit: Visit) -> Response:
    """Ask for a run to be resumed."""
    page, status = _page(visit)
    _check_resumable(page, status)
    options = {"resend_unknown": visit.form.get("resend_unknown") == "yes"}
    return _launch(visit, page, "resume", options)


def ask_retry(visit: Visit) -> Response:
    """Show the reasons whose rows can be retried."""
    page, status = _page(visit)
    reasons = _reasons(page, status)
    return render(visit, "retry.html", listed=page.run, reasons=reasons, labels=REASONS, fault=None)


def retry(visit: Visit) -> Response:
    """Ask for the rows of one reason, or of all, to be read and sent again."""
    page, status = _page(visit)
    reasons, reason = _reasons(page, status), str(visit.form.get("reason", ""))
    if reason not in {*reasons, "all"}:
        fault = "Choose a reason."
        return render(
            visit, "retry.html", listed=page.run, reasons=reasons, labels=REASONS, fault=fault, http_status=400
        )
    return _launch(visit, page, "retry", {} if reason == "all" else {"reason": reason})


def _page(visit: Visit) -> tuple[RunPage, RunStatus]:
    page = find(visit)
    with visit.reading() as connection:
        work = work_under_way(connection, visit.project.state_directory, page.run.target)
    return page, status_now(page.run, work)


def _check_resumable(page: RunPage, status: RunStatus) -> None:
    if status not in RESUMABLE or not page.run.resumable:
        raise Refused(f"Run {page.run.run_id} cannot be resumed: it is {status.label.lower()}.")


def _reasons(page: RunPage, status: RunStatus) -> dict[str, int]:
    if status is RunStatus.RUNNING or not page.run.rejects:
        raise Refused(f"Run {page.run.run_id} has no rejected rows to retry.")
    return {name: count for name, count in page.run.rejects.items() if name in set(Reason)}


def _has_changed(visit: Visit, project: Project, page: RunPage) -> bool | None:
    """Return whether the orchestration has changed since the run; None if that cannot be told."""
    record = visit.ledger.runs.get(page.run.run_id)
    try:
        job = current_job(project, page.run.orchestration, visit.ledger, of_run=record)
    except Exception:
        return None
    return record.fingerprint is not None and job.fingerprint != record.fingerprint


def _launch(visit: Visit, page: RunPage, command: str, options: dict[str, object]) -> Response:
    project = project_of(visit, page)
    allow(visit, project, command, page.run.orchestration, page.run.run_id)
    launch = NewLaunch(
        visit.visitor.user,
        command,
        page.run.orchestration,
        page.run.target,
        socket.gethostname(),
        options={**options, "run_id": page.run.run_id},
        via=VIA,
        peer=visit.visitor.peer,
    )
    return RedirectResponse(visit.url(f"/launches/{visit.console.launcher(visit.ledger).request(launch)}"), 303)
