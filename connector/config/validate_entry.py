"""An entry of the file against its model: the frozen settings, or what is wrong with it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError

from connector.config.nodes import Node, Path, plain
from connector.config.problems import MOST_EXPLAINED, ProblemList
from connector.config.render import has_placeholder
from connector.config.settings import Settings
from connector.config.suggest import nearest

_UNKNOWN = "extra_forbidden"
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_WHOLE = re.compile(
    rf"\$(?P<bare>{_NAME})"
    rf"|\$\{{(?:env[:.])?(?P<braced>{_NAME})(?::?[-=?+].*)?\}}"
    rf"|\$\{{\{{\s*(?:env|secrets|vars)\.(?P<workflow>{_NAME})\s*\}}\}}"
    rf"|\$\((?P<called>{_NAME})\)"
    r"|\$\((?P<command>.+)\)"
    rf"|\$env:(?P<powershell>{_NAME})"
    r"|%(?P<percent>[A-Z_][A-Z0-9_]*)%",
    re.DOTALL,
)
_BRACED = re.compile(rf"\$\{{(?P<braced>{_NAME})\}}")
_BARE = re.compile(r"\$(?P<bare>[A-Z_][A-Z0-9_]*)")
Model = TypeVar("Model", bound=Settings)


class _Fault(NamedTuple):
    """What pydantic found: its word for it, where, and our own sentence if it came from one of our types."""

    kind: str
    path: Path
    sentence: str


def validate_entry(
    model: type[Model], node: Node, problems: ProblemList, filled: Mapping[str, Any], *, pending: bool = False
) -> Model | None:
    """Build the settings of one entry with the fields that are `filled` in; None, with problems, if it fails.

    With `pending`, values still to be filled in from the environment count as right. What an entry refers to
    is not looked at.
    """
    given = {key: plain(child) for key, child in node.entries() if child.value is not None}
    own = {key: value for key, value in given.items() if key not in model.references}
    before = len(problems.items)
    _check_rules(model, node, problems, pending=pending)
    unfilled = _check_secrets(model, node, problems) if pending else set()
    for key in own.keys() & model.internal_fields:
        problems.add_unknown(node.at((key,)), model.known_keys())
    built, faults = _validate(model, {key: own[key] for key in own if key not in model.internal_fields} | dict(filled))
    misspelt = {
        nearest(str(fault.path[-1]), model.known_keys()) for fault in faults[:MOST_EXPLAINED] if fault.kind == _UNKNOWN
    }
    for fault in faults:
        is_follow_on = fault.kind == "missing" and fault.path[-1] in misspelt
        is_elsewhere = fault.path[0] in model.references and (fault.path[0] in given or fault.kind != "missing")
        if not is_follow_on and not is_elsewhere and fault.path[0] not in unfilled:
            _add(model, node, fault, problems, pending=pending)
    return built if len(problems.items) == before else None


def _check_secrets(model: type[Settings], node: Node, problems: ProblemList) -> set[str]:
    """Refuse secrets that are written as shell variables; return their keys."""
    refused = set()
    for key, child in node.entries():
        if key in model.from_environment or (key in model.model_fields and is_secret(model, key)):
            for leaf, name in shell_variables(child):
                problems.add(
                    leaf, f'is written as a shell variable, which is not filled in; write "{{{{ env.{name} }}}}"'
                )
                refused.add(key)
    return refused


def _validate(model: type[Model], values: Mapping[str, Any]) -> tuple[Model | None, list[_Fault]]:
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [
            _Fault(detail["type"], detail["loc"], str(detail.get("ctx", {}).get("error", ""))) for detail in details
        ]


def _check_rules(model: type[Settings], node: Node, problems: ProblemList, *, pending: bool) -> None:
    given = {key: plain(child) for key, child in node.entries()}
    for key, sentence in model.rules(given):
        if not (pending and key and has_placeholder(given[key])):
            problems.add(node.at((key,)) if key else node, sentence)
    for key, inner in _nested(model):
        if isinstance(given.get(key), dict):
            _check_rules(inner, node.at((key,)), problems, pending=pending)


def _nested(model: type[Settings]) -> Iterator[tuple[str, type[Settings]]]:
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if key not in model.references and isinstance(kind, type) and issubclass(kind, Settings):
                yield key, kind


def _add(model: type[Settings], node: Node, fault: _Fault, problems: ProblemList, *, pending: bool) -> None:
    at = node.at(fault.path)
    if fault.kind == "missing":
        is_blank = at.origin[-1:] == fault.path[-1:]
        problems.add(at, "is blank, and needed" if is_blank else f"lacks {fault.path[-1]}")
    elif fault.kind == _UNKNOWN:
        problems.add_unknown(at, _owner(model, fault.path).known_keys())
    elif not (pending and has_placeholder(plain(at))):
        problems.add(at, fault.sentence or _in_our_words(fault.kind), secret=is_secret(model, fault.path[0]))


def _owner(model: type[Settings], path: Path) -> type[Settings]:
    """Give the model of which the last key on the path would be a key."""
    for key in path[:-1]:
        model = dict(_nested(model)).get(str(key), model)
    return model


def is_secret(model: type[Settings], key: str | int) -> bool:
    """Whether the value of a key may be shown to nobody."""
    field = model.model_fields.get(str(key))
    return field is None or not field.repr or "SecretStr" in str(field.annotation)


def _in_our_words(kind: str) -> str:
    return (
        "must be a mapping, as {key: value}" if kind in {"model_type", "dict_type"} else "must be another kind of value"
    )


def shell_variable(value: object) -> str | None:
    """Return the name in a value written as a shell variable; `NAME` for a command, and for what could be a secret.

    A secret that only contains a `$` is none; within a URL, `${NAME}` anywhere and a user or password `$NAME` are.
    """
    if not isinstance(value, str):
        return None
    found = _WHOLE.fullmatch(value.strip()) or (_in_url(value) if "://" in value else None)
    if found is None:
        return None
    if found.groupdict().get("command"):
        return "NAME"
    name = next(name for name in found.groups() if name)
    # "$ecret1" may be a password, "$TIKTOK_TOKEN" and "${token}" are not.
    return name if "bare" not in found.groupdict() or not found["bare"] or name == name.upper() else "NAME"


def shell_variables(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield each text below a node that is written as a shell variable, and what to write instead of it."""
    if name := shell_variable(node.value):
        yield node, name
    for child in node.children():
        yield from shell_variables(child)


def _in_url(value: str) -> re.Match[str] | None:
    if found := _BRACED.search(value):
        return found
    try:
        user, _, password = urlsplit(value).netloc.rpartition("@")[0].partition(":")
    except ValueError:
        return None
    return _BARE.fullmatch(password) or _BARE.fullmatch(user)
