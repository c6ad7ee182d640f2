"""A new orchestration in six steps: query, destination, mapping, preview, settings, review. Nothing is asked twice."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import RedirectResponse, Response

from connector.catalogue import IDENTIFIERS, Catalogue
from connector.console.actions import record
from connector.console.drafts import Drafts
from connector.console.endpoint import MissingPage
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.secret_registry import without_secrets
from connector.destinations.checks import Outcome
from connector.destinations.registry import destination_of
from connector.editing.marked_text import CannotSplice
from connector.editing.new_orchestration import (
    LARGEST_QUERY,
    NAME,
    NewOrchestration,
    find_columns,
    preview,
    suggest,
)
from connector.editing.proposal import Proposal, find_problems, read_file
from connector.editing.save import FileChanged, save
from connector.errors import ConnectorError
from connector.inspection.destination_tests import run_destination_test

STEPS = ("query", "destination", "mapping", "preview", "settings", "review")
_NUMBER = re.compile(r"\d{1,12}(?:\.\d+)?")
_NAME_RULE = "takes a small letter, then small letters, digits and _ (at most 64)."


class _Fault(Exception):
    """A sentence about what was entered."""


def show(visit: Visit) -> Response:
    """Show a step."""
    return _page(visit, _step(visit), _draft(visit) if _step(visit) != "query" or "draft" in visit.query else None)


def answer(visit: Visit) -> Response:
    """Keep what was entered in a step, and go to the next one."""
    step = _step(visit)
    draft = _draft(visit) if step != "query" or "draft" in visit.query else None
    try:
        return _ANSWERS[step](visit, draft)
    except (_Fault, CannotSplice, ConnectorError) as error:
        return _page(visit, step, draft, without_secrets(str(error)))


def _step(visit: Visit) -> str:
    step = visit.path["step"]
    if step not in STEPS:
        raise MissingPage(f"There is no such step. The steps are {', '.join(STEPS)}.")
    return step


def _drafts(visit: Visit) -> Drafts:
    return Drafts(visit.project.state_directory)


def _draft(visit: Visit) -> NewOrchestration:
    content = _drafts(visit).load(visit.visitor.user, visit.query.get("draft", ""))
    if content is None:
        raise MissingPage("There is no such draft of yours. Drafts are kept for 7 days. Begin with the query.")
    return NewOrchestration.from_json(content)


def _next(visit: Visit, draft: NewOrchestration) -> Response:
    draft_id = _drafts(visit).save(visit.visitor.user, draft.as_json(), visit.query.get("draft"))
    following = STEPS[STEPS.index(_step(visit)) + 1]
    return RedirectResponse(visit.url(f"/new/{following}", draft=draft_id), 303)


def _catalogue(visit: Visit, draft: NewOrchestration) -> Catalogue:
    return destination_of(visit.project.destination(draft.destination)).catalogue


# --- steps ---


def _answer_query(visit: Visit, draft: NewOrchestration | None) -> Response:
    form, project = visit.form, visit.project
    name, chosen = str(form.get("name", "")).strip(), str(form.get("query", ""))
    if not NAME.fullmatch(name):
        raise _Fault(f"The name {_NAME_RULE}")
    if name in project.orchestrations:
        raise _Fault(f'There is an orchestration "{name}" already: choose another name.')
    if str(form.get("warehouse", "")) not in _names(visit, "warehouses"):
        raise _Fault("Choose the warehouse that the query runs on.")
    sql = _new_sql(visit, name) if not chosen else None
    new = NewOrchestration(name, chosen or name, sql, str(form["warehouse"]), draft.destination if draft else "")
    return _next(visit, new if draft is None else replace(draft, **_query_of(new)))


def _query_of(new: NewOrchestration) -> dict[str, Any]:
    return {"name": new.name, "query": new.query, "sql": new.sql, "warehouse": new.warehouse}


def _new_sql(visit: Visit, name: str) -> str:
    sql = str(visit.form.get("sql", "")).replace("\r\n", "\n").strip()
    if not sql:
        raise _Fault("Choose a query, or write one.")
    if len(sql.encode()) > LARGEST_QUERY:
        raise _Fault(f"The query is larger than {LARGEST_QUERY >> 10} KiB: save it as a file in queries/ instead.")
    if (visit.project.directory / "queries" / f"{name}.sql").exists():
        raise _Fault(f'There is a query "{name}" already: choose it, or another name.')
    return f"{sql}\n"


def _answer_destination(visit: Visit, draft: NewOrchestration) -> Response:
    chosen = str(visit.form.get("destination", ""))
    if chosen not in _names(visit, "destinations"):
        raise _Fault("Choose the destination.")
    failed = [one for one in run_destination_test(visit.project, chosen).checks if one.outcome is Outcome.FAILED]
    if failed:
        raise _Fault(f"The test of {chosen} failed: {failed[0].sentence}")
    draft = replace(draft, destination=chosen, mapping=None)
    columns = find_columns(visit.project, visit.console.source.environ, draft, read_file(visit.project.directory))
    return _next(visit, replace(draft, columns=columns))


def _answer_mapping(visit: Visit, draft: NewOrchestration) -> Response:
    chosen = {}
    for one in suggest(visit.project, draft):
        columns = [str(column) for column in visit.form.getlist(f"map:{one.parameter.name}") if column]
        if any(column not in draft.columns for column in columns):
            raise _Fault(f"The result has no column {columns[0]} any more. Find the columns again.")
        if columns:
            chosen[one.parameter.name] = tuple(columns)
    return _next(visit, replace(draft, mapping=chosen))


def _answer_preview(visit: Visit, draft: NewOrchestration) -> Response:
    return _next(visit, draft)


def _answer_settings(visit: Visit, draft: NewOrchestration) -> Response:
    settings: dict[str, Any] = {}
    for key in ("limit", "max_reject_percent"):
        text = str(visit.form.get(key, "")).strip()
        if text and not _NUMBER.fullmatch(text):
            raise _Fault(f"{key} takes a number.")
        if text:
            settings[key] = float(text) if "." in text else int(text)
    if description := str(visit.form.get("description", "")).strip():
        settings = {"description": description, **settings}
    if tags := [tag.strip() for tag in str(visit.form.get("tags", "")).split(",") if tag.strip()]:
        settings["tags"] = tags
    draft = replace(draft, settings=settings)
    if problems := _problems(visit, _proposal(visit, draft)):
        raise _Fault(problems[0])
    return _next(visit, draft)


def _answer_review(visit: Visit, draft: NewOrchestration) -> Response:
    project, proposal = visit.project, _proposal(visit, draft)
    if problems := _problems(visit, proposal):
        raise _Fault(problems[0])
    try:
        save(project.directory, project.state_directory, proposal)
    except FileChanged as error:
        raise _Fault(f"{error.message} Look at the change again.") from error
    record(visit, "create", orchestration=draft.name, detail={"files": ["orchestrations.yaml", *proposal.new_files]})
    _drafts(visit).delete(visit.query["draft"])
    return RedirectResponse(visit.url(f"/orchestrations/{draft.name}", saved="new", draft=None), 303)


_ANSWERS: Mapping[str, Callable[[Visit, Any], Response]] = {
    "query": _answer_query,
    "destination": _answer_destination,
    "mapping": _answer_mapping,
    "preview": _answer_preview,
    "settings": _answer_settings,
    "review": _answer_review,
}


def _proposal(visit: Visit, draft: NewOrchestration) -> Proposal:
    return draft.propose(read_file(visit.project.directory), _catalogue(visit, draft))


def _problems(visit: Visit, proposal: Proposal) -> list[str]:
    found = find_problems(visit.project.directory, visit.console.source.environ, proposal)
    return [without_secrets(problem.message) for problem in found]


def _names(visit: Visit, section: str) -> list[str]:
    return [name for name, _ in visit.project.node(section).entries()]


def _page(visit: Visit, step: str, draft: NewOrchestration | None, fault: str | None = None) -> Response:
    try:
        values = _VALUES[step](visit, draft)
    except (CannotSplice, ConnectorError) as error:
        values, fault = {}, fault or without_secrets(str(error))
    return render(
        visit,
        f"new_{step}.html",
        step=step,
        steps=STEPS,
        draft=draft,
        fault=fault,
        is_ready=bool(values),
        **values,
        http_status=400 if fault else 200,
    )


def _values_of_query(visit: Visit, draft: NewOrchestration | None) -> dict[str, Any]:
    queries = sorted(path.stem for path in (visit.project.directory / "queries").glob("*.sql"))
    kept = {
        "name": draft.name if draft else "",
        "query": draft.query if draft and draft.sql is None else "",
        "sql": (draft.sql or "") if draft else "",
        "warehouse": draft.warehouse if draft else "",
    }
    typed = {key: str(visit.form.get(key, text)) for key, text in kept.items()}
    return {"queries": queries, "warehouses": _names(visit, "warehouses"), "typed": typed}


def _values_of_destination(visit: Visit, draft: NewOrchestration) -> dict[str, Any]:
    chosen = str(visit.form.get("destination", draft.destination))
    return {"destinations": _names(visit, "destinations"), "chosen": chosen}


def _values_of_mapping(visit: Visit, draft: NewOrchestration) -> dict[str, Any]:
    suggestions = suggest(visit.project, draft)
    chosen = {one.parameter.name: one.selected for one in suggestions} if draft.mapping is None else draft.mapping
    used = {column for columns in chosen.values() for column in columns}
    is_shown = {one.parameter.name for one in suggestions if one.why or chosen.get(one.parameter.name)}
    unused = [column for column in draft.columns if column not in used]
    names_nobody = not any(chosen.get(one.parameter.name) for one in suggestions if one.parameter.kind in IDENTIFIERS)
    return {
        "suggestions": suggestions,
        "chosen": chosen,
        "is_shown": is_shown,
        "unused": unused,
        "names_nobody": names_nobody,
    }


def _values_of_preview(visit: Visit, draft: NewOrchestration) -> dict[str, Any]:
    version = read_file(visit.project.directory)
    seen = preview(visit.project, visit.console.source.environ, draft, version, _catalogue(visit, draft))
    return {"preview": seen, "may_see_people": visit.rights.pii or visit.rights.admin}


def _values_of_settings(visit: Visit, draft: NewOrchestration) -> dict[str, Any]:
    kept = {"max_reject_percent": 10, **draft.settings}
    texts = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in kept.items()}
    return {"typed": {key: str(visit.form.get(key, texts.get(key, ""))) for key in _SETTINGS}}


_SETTINGS = ("description", "limit", "max_reject_percent", "tags")


def _values_of_review(visit: Visit, draft: NewOrchestration) -> dict[str, Any]:
    return {"diff": without_secrets(_proposal(visit, draft).diff)}


_VALUES: Mapping[str, Callable[[Visit, Any], dict[str, Any]]] = {
    "query": _values_of_query,
    "destination": _values_of_destination,
    "mapping": _values_of_mapping,
    "preview": _values_of_preview,
    "settings": _values_of_settings,
    "review": _values_of_review,
}
