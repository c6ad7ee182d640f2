"""Validation of an entry of the file against its model."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError

from connector.config.nodes import Node, Path, plain
from connector.config.problems import MOST_EXPLAINED, ProblemList
from connector.config.render import has_placeholder, has_secret
from connector.config.settings import Settings
from connector.config.suggest import nearest
from connector.errors import Rule

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
    """An error of pydantic."""

    kind: str
    """Its type at pydantic."""
    path: Path
    sentence: str
    """The message, if it came from a type of this package; else empty."""


def validate_entry(
    model: type[Model], node: Node, problems: ProblemList, filled: Mapping[str, Any], *, pending: bool = False
) -> Model | None:
    """Build the settings of one entry with the fields in `filled`; add problems and return None if it fails.

    With `pending`, values that are still to be filled in from the environment count as valid. Entries that this
    one refers to are not checked.
    """
    values = {key: plain(child) for key, child in node.entries() if child.value is not None}
    own = {key: value for key, value in values.items() if key not in model.references}
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
        is_elsewhere = fault.path[0] in model.references and (fault.path[0] in values or fault.kind != "missing")
        if not is_follow_on and not is_elsewhere and fault.path[0] not in unfilled:
            _add(model, node, fault, problems, pending=pending)
    return built if len(problems.items) == before else None


def _check_secrets(model: type[Settings], node: Node, problems: ProblemList) -> set[str]:
    """Refuse secrets that are written as shell variables; return their keys."""
    refused = set()
    for key, child in node.entries():
        is_hidden = key in model.from_environment or (key in model.model_fields and is_secret(model, key))
        if not is_hidden and key in model.known_keys() and has_secret(plain(child)):
            sentence = "is printed in messages, so no secret can be used here; write {{ env.NAME }}, or the value"
            problems.add(child, sentence, rule=Rule.INVALID_VALUE)
            refused.add(key)
        if is_hidden:
            for leaf, name in shell_variables(child):
                sentence = f'is written as a shell variable, which is not filled in; write "{{{{ env.{name} }}}}"'
                problems.add(leaf, sentence, rule=Rule.SHELL_VARIABLE)
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
    values = {key: plain(child) for key, child in node.entries()}
    for key, sentence in model.rules(values):
        if not (pending and key and has_placeholder(values[key])):
            rule = Rule.INVALID_VALUE if sentence.startswith("must") else Rule.KEY_CONFLICT
            problems.add(node.at((key,)) if key else node, sentence, rule=rule)
    for key, inner in _nested(model):
        if isinstance(values.get(key), dict):
            _check_rules(inner, node.at((key,)), problems, pending=pending)


def _nested(model: type[Settings]) -> Iterator[tuple[str, type[Settings]]]:
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if key not in model.references and isinstance(kind, type) and issubclass(kind, Settings):
                yield key, kind


def _add(model: type[Settings], node: Node, fault: _Fault, problems: ProblemList, *, pending: bool) -> None:
    value = node.at(fault.path)
    if fault.kind == "missing":
        is_blank = value.origin[-1:] == fault.path[-1:]
        sentence = "is blank, and needed" if is_blank else f"lacks {fault.path[-1]}"
        problems.add(value, sentence, rule=Rule.MISSING_KEY)
    elif fault.kind == _UNKNOWN:
        problems.add_unknown(value, _owner(model, fault.path).known_keys())
    elif not (pending and has_placeholder(plain(value))):
        problems.add(value, fault.sentence or _sentence(fault.kind), secret=is_secret(model, fault.path[0]))


def _owner(model: type[Settings], path: Path) -> type[Settings]:
    """Return the model to which the last key of the path would belong."""
    for key in path[:-1]:
        model = dict(_nested(model)).get(str(key), model)
    return model


def is_secret(model: type[Settings], key: str | int) -> bool:
    """Return true if the value of a key must not be printed."""
    field = model.model_fields.get(str(key))
    return field is None or not field.repr or "SecretStr" in str(field.annotation)


def _sentence(kind: str) -> str:
    return (
        "must be a mapping, as {key: value}" if kind in {"model_type", "dict_type"} else "must be another kind of value"
    )


def shell_variable(value: object) -> str | None:
    """Return the name in a value written as a shell variable; `NAME` for a command, and for what could be a secret.

    A secret that only contains a `$` is none; within a URL, `${NAME}` anywhere and a user or password `$NAME` are.
    """
    if not isinstance(value, str):
        return None
    match = _WHOLE.fullmatch(value.strip()) or (_in_url(value) if "://" in value else None)
    if match is None:
        return None
    if match.groupdict().get("command"):
        return "NAME"
    name = next(name for name in match.groups() if name)
    # "$ecret1" may be a password, "$ACCESS_TOKEN" and "${token}" are not.
    return name if "bare" not in match.groupdict() or not match["bare"] or name == name.upper() else "NAME"


def shell_variables(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield each text below a node that is written as a shell variable, and the name to use instead."""
    if name := shell_variable(node.value):
        yield node, name
    for child in node.children():
        yield from shell_variables(child)


def _in_url(value: str) -> re.Match[str] | None:
    if match := _BRACED.search(value):
        return match
    try:
        user, _, password = urlsplit(value).netloc.rpartition("@")[0].partition(":")
    except ValueError:
        return None
    return _BARE.fullmatch(password) or _BARE.fullmatch(user)
