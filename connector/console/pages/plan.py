"""Run an orchestration: its options, the plan, and the agreement."""

import socket
from typing import Any

from starlette.responses import RedirectResponse, Response

from connector.config.project import Project
from connector.console.actions import VIA, allow, record
from connector.console.background import Task, TooMuchWork, new_task
from connector.console.endpoint import MissingPage, Refused
from connector.console.pages.orchestration import check_name
from connector.console.plans import (
    Audience,
    Danger,
    PlanOptions,
    dangers,
    files_digest,
    is_for_real,
    make_plan,
    medians,
    missing,
    plan_path,
)
from connector.console.render import render
from connector.console.visit import Visit
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.errors import ConfigurationError
from connector.ledger.launches import NewLaunch
from connector.ledger.views.run_lists import ListedRun, last_runs

CHANGED = "{} since this plan. Plan again."
GONE = "This plan is not kept any more: plans are kept for 15 minutes. Plan again."


def options(visit: Visit) -> Response:
    """Show the options of a run."""
    name = visit.path["name"]
    check_name(visit.project, name)
    return _options_page(visit, name, None)


def _options_page(visit: Visit, name: str, fault: str | None) -> Response:
    orchestration = visit.project.orchestration(name)
    typed = {"limit": visit.form.get("limit", ""), "code": visit.form.get("test_event_code", "")}
    return render(
        visit, "run_options.html", name=name, orchestration=orchestration, typed=typed, fault=fault,
        address=_address(visit.project, name), http_status=400 if fault else 200,
    )  # fmt: skip


def start(visit: Visit) -> Response:
    """Start a plan, and lead to its page."""
    project, name = visit.project, visit.path["name"]
    check_name(project, name)
    limit, code = str(visit.form.get("limit", "")).strip(), str(visit.form.get("test_event_code", "")).strip()
    if limit and not (limit.isascii() and limit.isdigit() and int(limit[:12]) > 0 and len(limit) <= 12):
        return _options_page(visit, name, f'"{limit[:40]}" is no number of rows: write 1 or more, or leave it empty.')
    if len(code) > 128 or not code.isprintable():
        return _options_page(visit, name, "The test event code is not one that TikTok gives.")
    plan_options = PlanOptions(int(limit) if limit else None, code or None, visit.form.get("full") == "yes")
    task = new_task(
        "plan", visit.visitor.user, project.target, name, options=plan_options, files=files_digest(project, name)
    )
    try:
        visit.console.plans.start(task, make_plan(project, plan_options))
    except TooMuchWork:
        raise Refused("Another plan is being made. Wait until it is done, or cancel it.", 429) from None
    record(visit, "plan", orchestration=name)
    return RedirectResponse(visit.url(f"/plans/{task.id}"), 303)


def show(visit: Visit) -> Response:
    """Show a plan, or that it is being made."""
    task = _task(visit)
    return _plan_page(visit, task, [])


def _plan_page(visit: Visit, task: Task, asked: list[str]) -> Response:
    project = visit.state.under(task.target)
    if task.ended is None or task.error is not None:
        orchestration = project.orchestration(task.subject)
        source = orchestration.warehouse.name if orchestration.warehouse else "the file"
        return render(visit, "plan_wait.html", task=task, source=source)
    runs, plan = _runs(visit, task), task.result
    address = _address(project, task.subject)
    real = is_for_real(address, plan)
    return render(
        visit,
        "plan.html",
        task=task,
        plan=plan,
        usual=medians(runs),
        runs=runs,
        address=address,
        settings=project.orchestration(task.subject).destination,
        real=real,
        dangers=_dangers(project, task, runs),
        asked=asked,
        button=_button(plan, address, real=real),
        http_status=400 if asked else 200,
    )


def confirm(visit: Visit) -> Response:
    """Ask for the run of a plan, if nothing has changed since and everything is agreed to."""
    task = _task(visit)
    project = visit.state.under(task.target)
    if task.user != visit.visitor.user:
        raise Refused(f"This plan was made by {task.user}. Plan again.")
    if task.ended is None or task.result is None:
        raise Refused("There is no plan yet. Nothing was sent.")
    if files_digest(project, task.subject) != task.facts["files"]:
        raise Refused(CHANGED.format("The query, the template or orchestrations.yaml was changed"))
    if task.result["would_fail"]:
        raise Refused(task.result["would_fail"])
    allow(visit, project, "run", task.subject)
    found = _dangers(project, task, _runs(visit, task))
    if open_dangers := missing(found, visit.form):
        return _plan_page(visit, task, [one.key for one in open_dangers])
    launch = NewLaunch(
        visit.visitor.user,
        "run",
        task.subject,
        task.target,
        socket.gethostname(),
        options={
            **task.facts["options"].as_launch(),
            "plan": str(plan_path(project, task.id)),
            "allow_empty": any(one.key == "empty" for one in found),
        },
        agreed=_agreed(task.result),
        via=VIA,
        peer=visit.visitor.peer,
    )
    with task.lock:
        # Pressed twice, it is one run.
        if "launch" not in task.facts:
            task.facts["launch"] = visit.console.launcher(visit.ledger).request(launch)
    return RedirectResponse(visit.url(f"/launches/{task.facts['launch']}"), 303)


def cancel(visit: Visit) -> Response:
    """Cancel a plan that is being made."""
    task = _task(visit)
    if task.user != visit.visitor.user and not visit.rights.admin:
        raise Refused(f"This plan is {task.user}'s.", 403)
    task.cancelled.set()
    return RedirectResponse(visit.url(f"/orchestrations/{task.subject}"), 303)


def _task(visit: Visit) -> Task:
    task = visit.console.plans.get(visit.path["id"])
    if task is None:
        raise MissingPage(GONE)
    return task


def _runs(visit: Visit, task: Task) -> list[ListedRun]:
    with visit.reading() as connection:
        return last_runs(connection, task.target, [task.subject], 20)[task.subject]


def _dangers(project: Project, task: Task, runs: list[ListedRun]) -> list[Danger]:
    address = _address(project, task.subject)
    is_first = not any(run.api_url == address and not run.test_event_code for run in runs)
    real = is_for_real(address, task.result)
    audience = _audience(project, task.subject)
    return list(dangers(task.result, medians(runs), real=real, is_first=is_first, audience=audience))


def _audience(project: Project, name: str) -> Audience | None:
    settings = project.orchestration(name).destination
    if not isinstance(settings, BaseAudienceSettings):
        return None
    known_as = getattr(settings, "audience", None) or getattr(settings, "audience_id", None) or settings.name
    return Audience(str(known_as), settings.max_change_percent)


def _agreed(plan: dict[str, Any]) -> dict[str, Any]:
    members = plan.get("members")
    return {"changes": plan["changes"], "removals": members.get("removed", 0) if members is not None else None}


def _address(project: Project, name: str) -> str:
    try:
        return project.orchestration(name).destination.address
    except ConfigurationError:
        return ""


def _button(plan: dict[str, Any], address: str, *, real: bool) -> str:
    members = plan.get("members")
    if members is not None:
        what = f"{members.get('added', 0):,} additions and {members.get('removed', 0):,} removals"
    else:
        what = f"{plan['events']:,} event{'s' if plan['events'] != 1 else ''}"
    where = "TikTok" if real else "TikTok as test events" if plan["test_event_code"] else "the destination"
    return f"Send {what} to {'the simulator' if address == 'simulator' else where}"
