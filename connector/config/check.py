"""Checks of `orchestrations.yaml` that do not need the environment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from connector.config.console import PROXY
from connector.config.console import WITHOUT_ROLES as PROXY_WITHOUT_ROLES
from connector.config.engine import ONE_MACHINE
from connector.config.fields import switch
from connector.config.layout import SECTION_MODELS, SECTIONS, Top, known_model, section, section_models
from connector.config.nodes import Node, plain
from connector.config.notification import Notification, as_mapping
from connector.config.orchestration import Orchestration
from connector.config.problems import ProblemList
from connector.config.references import check_references
from connector.config.render import has_placeholder, has_secret, secret_names, template_fault
from connector.config.roles import WITHOUT_ROLES, has_roles
from connector.config.settings import Settings
from connector.config.suggest import did_you_mean, nearest
from connector.config.validate_entry import validate_entry
from connector.errors import Problem, Rule

_VERSION = 1
_SIGNS = {
    "engines": {"stage"},
    "orchestrations": {"query", "model", "file", "destination"},
    "destinations": {"type", "credential", "advertiser_id", "event_source"},
    "warehouses": {"url"},
    "credentials": {"access_token", "app_id"},
}
"""Keys by which an entry is recognized outside its section."""


_NEEDED = {"warehouses": "url", "destinations": "type", "engines": "stage", "orchestrations": "destination"}
"""The key without which an entry is incomplete."""


def find_problems(file: Path, trees: Mapping[str, Node], chosen: str) -> list[Problem]:
    """Check the file under every target; problems that the chosen target does not have name their target."""
    by_target = {name: _check_tree(file, tree) for name, tree in trees.items()}
    problems = dict.fromkeys(by_target.get(chosen, ()))
    for name, others in by_target.items():
        for problem in others:
            message = problem.message
            if problem not in problems and "targets." not in message:
                problem = replace(problem, message=f'{message} (With the target "{name}".)')  # noqa: PLW2901
            problems[problem] = None
    return list(problems)


def _check_tree(file: Path, root: Node) -> list[Problem]:
    problems = ProblemList(file)
    _check_top(root, problems)
    for name in SECTIONS:
        _check_section(name, section(root, name), problems)
    _check_notifications(root, problems)
    _check_admin_only(root, problems)
    _check_console(root, problems)
    check_references(root, problems)
    _check_templates(root, problems)
    if has_secret(plain(section(root, "secrets"))):
        problems.add(section(root, "secrets"), "cannot use a secret itself; {{ env.NAME }} can be used here")
    _check_secrets(root, section(root, "secrets").at(("commands",)), problems)
    return problems.items


def _check_top(root: Node, problems: ProblemList) -> None:
    misplaced = {key: name for key, node in root.entries() if (name := _misplaced(key, node))}
    for key, name in misplaced.items():
        problems.add(root.at((key,)), f"is not a known key: indent it below `{name}`", rule=Rule.UNKNOWN_KEY)
    validate_entry(
        Top,
        replace(root, value={key: node for key, node in root.entries() if key not in {*SECTIONS, *misplaced}}),
        problems,
        {},
        pending=True,
    )
    version = root.child("version")
    if version is None:
        problems.add(root, f"lacks version; write version: {_VERSION}", rule=Rule.MISSING_KEY)
    elif version.value != _VERSION or isinstance(version.value, bool):
        problems.add(version, f"must be {_VERSION}, the only version there is")


def _check_section(name: str, node: Node, problems: ProblemList) -> None:
    if not isinstance(node.value, dict):
        problems.add(node, "must be a mapping of names to settings")
    defined = [key for key, entry in node.entries() if entry.origin[:1] != ("targets",)]
    for key, entry in node.entries():
        if not _usable(key):
            problems.add(entry, "has a name that cannot be used; use letters, digits, _ and -")
        if name == "engines" and key == ONE_MACHINE:
            problems.add(entry, "has the name that stands for no engine in --engine; choose another name")
        if isinstance(entry.value, dict):
            _check_entry(name, key, entry, defined, problems)
        else:
            kind = name.removesuffix("s")
            is_setting = any(key in model.known_keys() for model in section_models(name, node))
            misplaced = f"is a setting of {'an' if kind[0] in 'aeiou' else 'a'} {kind}: indent it below the name of one"
            problems.add(entry, misplaced if is_setting else "must be a mapping of settings", secret=True)


def _misplaced(key: str, node: Node) -> str | None:
    """Return the section to which an entry belongs that is written beside the sections."""
    keys = set(node.value) if isinstance(node.value, dict) else set()
    if key in Top.known_keys() or key in SECTIONS:
        return None
    return next((name for name, signs in _SIGNS.items() if signs & keys), None)


def _check_notifications(root: Node, problems: ProblemList) -> None:
    for key, node in section(root, "notifications").entries():
        entry = as_mapping(node)
        if isinstance(entry.value, dict):
            validate_entry(Notification, entry, problems, {"name": key}, pending=True)
        else:
            problems.add(entry, "must be an address, a list of addresses, or a mapping with webhook", secret=True)


def _check_admin_only(root: Node, problems: ProblemList) -> None:
    for _, entry in section(root, "destinations").entries():
        node = entry.child("admin_only") if isinstance(entry.value, dict) else None
        if node is not None and _is_on(node.value) and not has_roles(root):
            problems.add(node, WITHOUT_ROLES, rule=Rule.KEY_CONFLICT)


def _check_console(root: Node, problems: ProblemList) -> None:
    console = root.child("console")
    auth = console.child("auth") if console is not None and isinstance(console.value, dict) else None
    if auth is not None and auth.value == PROXY and not has_roles(root):
        problems.add(auth, PROXY_WITHOUT_ROLES, rule=Rule.KEY_CONFLICT)


def _is_on(value: object) -> bool:
    try:
        return switch(value)
    except ValueError:
        return False


def _usable(name: str) -> bool:
    return bool(name.strip()) and name[0] not in ".-" and name.isprintable() and not set(name) & set("/\\")


def _check_entry(name: str, key: str, entry: Node, defined: Sequence[str], problems: ProblemList) -> None:
    if entry.origin[:1] == ("targets",) and nearest(key, defined) and _is_partial(name, entry):
        sentence = f"is in this target only, and incomplete.{did_you_mean(key, defined)}"
        problems.add(entry, sentence, rule=Rule.UNKNOWN_NAME)
        return
    model = _model(name, entry, problems)
    if model is not None:
        validate_entry(
            model,
            entry,
            problems,
            {"name": key, "target": key} if model is Orchestration else {"name": key},
            pending=True,
        )


def _is_partial(name: str, entry: Node) -> bool:
    needed = _NEEDED.get(name)
    return needed is not None and entry.child(needed) is None


def _model(name: str, entry: Node, problems: ProblemList) -> type[Settings] | None:
    if name != "destinations":
        return SECTION_MODELS[name]
    return known_model(entry, problems)


def _check_secrets(node: Node, commands: Node, problems: ProblemList) -> None:
    """Find names of secrets that no command prints."""
    names = [name for name, _ in commands.entries()]
    for child in node.children():
        _check_secrets(child, commands, problems)
    if isinstance(node.value, str) and has_secret(node.value):
        from connector.config.secret_store import unknown_secret

        for name in secret_names(node.value):
            if name not in names:
                problems.add(node, unknown_secret(name, names), rule=Rule.UNKNOWN_NAME)


def _check_templates(node: Node, problems: ProblemList) -> None:
    for child in node.children():
        _check_templates(child, problems)
    if isinstance(node.value, str) and has_placeholder(node.value) and (fault := template_fault(node.value)):
        problems.add(node, fault, rule=Rule.SYNTAX)
