"""Settings of an orchestration or a destination: a form, the change as a diff, and its saving."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from starlette.responses import RedirectResponse, Response

from connector.config.nodes import dotted
from connector.config.project import load_project
from connector.console.actions import record
from connector.console.endpoint import NOT_RESTARTED, MissingPage, Refused
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.secret_registry import without_secrets
from connector.destinations.checks import Outcome
from connector.editing.marked_text import CannotSplice, MarkedText
from connector.editing.proposal import FileVersion, Proposal, copy_with, diff_text, find_problems, propose, read_file
from connector.editing.save import FileChanged, rebase, save
from connector.editing.setting_form import SettingForm
from connector.errors import ConfigurationError, Problem
from connector.inspection.destination_tests import run_destination_test

_EACH = {"orchestrations": "orchestration", "destinations": "destination"}
EVERY, ONLY = "every", "target"
_KEPT_VERSIONS = 32
_SET = "set:"
"""The prefix of the names of fields; the key of the setting follows."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The last versions of the project file that forms were made from, by their digests."""

    _versions: OrderedDict[str, FileVersion] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, version: FileVersion) -> FileVersion:
        """Keep a version for as long as 32 others are not read."""
        with self._lock:
            self._versions[version.digest] = version
            self._versions.move_to_end(version.digest)
            while len(self._versions) > _KEPT_VERSIONS:
                self._versions.popitem(last=False)
        return version

    def find(self, digest: str) -> FileVersion:
        """Return a version. Raises Refused if it is not kept."""
        with self._lock:
            if digest not in self._versions:
                raise Refused(NOT_RESTARTED)
            return self._versions[digest]


VERSIONS = Versions()


@dataclass(frozen=True, slots=True)
class Faults:
    """The problems of a form that was filled in."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Sentences by key."""
    others: tuple[str, ...] = ()
    """Sentences about no field of the form."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.others)


def show(visit: Visit) -> Response:
    """Show the form."""
    return _form_page(visit, _form(visit, VERSIONS.keep(read_file(visit.project.directory))), {}, Faults())


def change(visit: Visit) -> Response:
    """Show the change that a form asks for as a diff, or save it."""
    before = VERSIONS.find(visit.form.get("version", ""))
    form = _form(visit, before)
    texts = {one.key: str(visit.form[_SET + one.key]) for one in form.fields if _SET + one.key in visit.form}
    edits, invalid = form.edits(texts, only_target=visit.form.get("scope") == ONLY)
    if invalid:
        return _form_page(visit, form, texts, Faults(invalid))
    if not edits:
        return _form_page(visit, form, texts, Faults(others=("Nothing was changed.",)))
    try:
        proposal = propose(before, edits)
    except CannotSplice as error:
        return _form_page(visit, form, texts, Faults(others=(str(error),)))
    if faults := _faults(visit, form, proposal):
        return _form_page(visit, form, texts, faults)
    if visit.form.get("step") != "save":
        return _review_page(visit, form, texts, proposal)
    return _save(visit, form, texts, proposal)


def _form(visit: Visit, version: FileVersion) -> SettingForm:
    name = visit.path["name"]
    try:
        return SettingForm(visit.project.directory, version, _section(visit), name, visit.project.target)
    except KeyError:
        raise MissingPage(f'There is no {_EACH[_section(visit)]} "{name}".') from None


def _section(visit: Visit) -> str:
    return visit.request.url.path.split("/")[1]


def _entry_path(visit: Visit) -> str:
    return visit.request.url.path.removesuffix("/settings")


def _faults(visit: Visit, form: SettingForm, proposal: Proposal) -> Faults:
    """Return what `validate` refuses, and for a destination what its own test refuses."""
    project = visit.project
    problems = find_problems(project.directory, visit.console.source.environ, proposal)
    if problems:
        return _of_problems(form, proposal, problems)
    return _of_test(visit, proposal) if _section(visit) == "destinations" else Faults()


def _of_problems(form: SettingForm, proposal: Proposal, problems: list[Problem]) -> Faults:
    marked = MarkedText(proposal.after.content.decode("utf-8-sig"))
    by_line = {line: form.field_at(edit.path) for edit in proposal.edits for line in marked.lines_of(edit.path)}
    fields: dict[str, str] = {}
    others = []
    for problem in problems:
        key = by_line.get(problem.line or 0)
        if key and key not in fields:
            fields[key] = without_secrets(_without_path(problem.message))
        else:
            others.append(without_secrets(problem.message))
    return Faults(fields, tuple(others))


def _without_path(message: str) -> str:
    """Return a message without the path that it begins with, since it stands at the field."""
    path, _, rest = message.partition(" ")
    return rest if "." in path else message


def _of_test(visit: Visit, proposal: Proposal) -> Faults:
    if not visit.console.tests.allow():
        raise Refused("Too many tests were started. Wait a minute.", 429)
    with copy_with(visit.project.directory, proposal) as copy:
        environ, target = visit.console.source.environ, visit.project.target
        project = load_project(visit.project.directory, environ, target, config_directory=copy)
        checks = run_destination_test(project, visit.path["name"]).checks
    return Faults(others=tuple(without_secrets(one.sentence) for one in checks if one.outcome is Outcome.FAILED))


def _save(visit: Visit, form: SettingForm, texts: Mapping[str, str], proposal: Proposal) -> Response:
    project = visit.project
    try:
        save(project.directory, project.state_directory, proposal)
    except FileChanged as error:
        return _conflict_page(visit, form, texts, proposal, error)
    except ConfigurationError as error:
        return _form_page(visit, form, texts, Faults(others=(error.message,)))
    name = visit.path["name"] if _section(visit) == "orchestrations" else None
    record(visit, "edit", orchestration=name, detail={"changed": [dotted(edit.path) for edit in proposal.edits]})
    return RedirectResponse(visit.url(_entry_path(visit), saved="settings"), 303)


def _form_page(visit: Visit, form: SettingForm, texts: Mapping[str, str], faults: Faults) -> Response:
    values = {one.key: texts.get(one.key, one.text) for one in form.fields}
    is_open = {one.key for one in form.fields if one.is_required or values[one.key] or one.key in faults.fields}
    return render(
        visit,
        "settings.html",
        form=form,
        values=values,
        faults=faults,
        is_open=is_open,
        each=_EACH[_section(visit)],
        back=_entry_path(visit),
        file_version=visit.form.get("version") or VERSIONS.keep(read_file(visit.project.directory)).digest,
        scope=visit.form.get("scope", EVERY),
        http_status=400 if faults else 200,
    )


def _review_page(visit: Visit, form: SettingForm, texts: Mapping[str, str], proposal: Proposal) -> Response:
    return render(
        visit,
        "settings_review.html",
        texts=_changed(form, texts),
        diff=without_secrets(proposal.diff),
        each=_EACH[_section(visit)],
        file_version=proposal.before.digest,
        scope=visit.form.get("scope", EVERY),
    )


def _conflict_page(
    visit: Visit, form: SettingForm, texts: Mapping[str, str], proposal: Proposal, changed: FileChanged
) -> Response:
    """Show both changes, and offer to make this one in the new file if they do not meet."""
    now = VERSIONS.keep(changed.now)
    try:
        can_rebase = rebase(proposal, now) is not None
    except (CannotSplice, ConfigurationError):
        can_rebase = False
    return render(
        visit,
        "settings_conflict.html",
        message=changed.message,
        theirs=without_secrets(diff_text(proposal.before.content, now.content)),
        mine=without_secrets(proposal.diff),
        can_rebase=can_rebase,
        texts=_changed(form, texts),
        file_version=now.digest,
        scope=visit.form.get("scope", EVERY),
        http_status=409,
    )


def _changed(form: SettingForm, texts: Mapping[str, str]) -> dict[str, str]:
    shown = {one.key: one.text.strip() for one in form.fields}
    return {key: text for key, text in texts.items() if text.strip() != shown[key]}
