"""The audiences that runs keep."""

from starlette.responses import RedirectResponse, Response

from connector.console.actions import acting
from connector.console.background import Task, TooMuchWork, new_task
from connector.console.endpoint import MissingPage, Refused
from connector.console.render import render
from connector.console.visit import Visit
from connector.inspection.audience_list import show_audience
from connector.ledger.views.audiences import list_audiences

ANSWER_SECONDS = 10
NO_ANSWER = "TikTok did not answer within 10 s. The stored membership is shown."


def show(visit: Visit) -> Response:
    """List the audiences."""
    with visit.reading() as connection:
        audiences = list_audiences(connection, visit.project.target)
    question = visit.console.questions.get(visit.query.get("asked", ""))
    is_asked = question is not None and question.kind == "size" and question.target == visit.project.target
    return render(
        visit, "audiences.html", audiences=audiences, question=question if is_asked else None, answer=_answer(question)
    )


def _answer(question: Task | None) -> str | None:
    """Say what the platform answered; None while it may still answer."""
    if question is None or (question.ended is None and question.seconds < ANSWER_SECONDS):
        return None
    if question.ended is None:
        return NO_ANSWER
    if question.error is not None:
        return question.error
    sizes = [f"{view.size:,}" if view.size is not None else view.why_not for view in question.result]
    return " ".join(sizes)


def ask_size(visit: Visit) -> Response:
    """Ask the platform for the size of an audience; the page looks until there is an answer."""
    project, audience_id = visit.project.acting_for(acting(visit)), visit.path["id"]
    with visit.reading() as connection:
        known = {one.audience_id for one in list_audiences(connection, project.target)}
    if audience_id not in known:
        raise MissingPage(f'No run keeps an audience "{audience_id}".')
    if not visit.console.tests.allow():
        raise Refused("Too many questions within a minute. Wait a minute.", 429)
    task = new_task("size", visit.visitor.user, project.target, audience_id)
    try:
        visit.console.questions.start(task, lambda _: show_audience(project, audience_id))
    except TooMuchWork:
        raise Refused("Other questions are under way. Wait until they are answered.", 429) from None
    return RedirectResponse(visit.url("/audiences", asked=task.id), 303)
