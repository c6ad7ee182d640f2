"""An entry of the file against its model: the frozen settings, or what is wrong with it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import ValidationError

from connector.config.nodes import Node, Path, plain
from connector.config.problems import MOST_EXPLAINED, ProblemList
from connector.config.render import has_placeholder
from connector.config.settings import Settings
from connector.config.shell_variables import shell_variables
from connector.config.suggest import nearest

_UNKNOWN = "extra_forbidden"
Model = TypeVar("Model", bound=Settings)


class _Fault(NamedTuple):
    """What pydantic found: its word for it, where, and our own sentence if it came from one of our types."""

    kind: str
    path: Path
    sentence: str


def validate_entry(
    model: type[Model], node: Node, findings: ProblemList, filled: Mapping[str, Any], *, pending: bool = False
) -> Model | None:
    """Build the settings of one entry with the fields that are `filled` in; None, with findings, if it fails.

    With `pending`, values still to be filled in from the environment count as right. What an entry refers to
    is not looked at.
    """
    given = {key: plain(child) for key, child in node.entries() if child.value is not None}
    own = {key: value for key, value in given.items() if key not in model.references}
    before = len(findings.problems)
    _examine_rules(model, node, findings, pending=pending)
    unfilled = _examine_secrets(model, node, findings) if pending else set()
    for key in own.keys() & model.filled_in:
        findings.add_unknown(node.at((key,)), model.known_keys())
    built, faults = _validate(model, {key: own[key] for key in own if key not in model.filled_in} | dict(filled))
    misspelt = {
        nearest(str(fault.path[-1]), model.known_keys()) for fault in faults[:MOST_EXPLAINED] if fault.kind == _UNKNOWN
    }
    for fault in faults:
        is_follow_on = fault.kind == "missing" and fault.path[-1] in misspelt
        is_elsewhere = fault.path[0] in model.references and (fault.path[0] in given or fault.kind != "missing")
        if not is_follow_on and not is_elsewhere and fault.path[0] not in unfilled:
            _add(model, node, fault, findings, pending=pending)
    return built if len(findings.problems) == before else None


def _examine_secrets(model: type[Settings], node: Node, findings: ProblemList) -> set[str]:
    """Refuse secrets that are written as shell variables; return their keys."""
    refused = set()
    for key, child in node.entries():
        if key in model.from_environment or (key in model.model_fields and is_secret(model, key)):
            for leaf, name in shell_variables(child):
                findings.add(
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


def _examine_rules(model: type[Settings], node: Node, findings: ProblemList, *, pending: bool) -> None:
    given = {key: plain(child) for key, child in node.entries()}
    for key, sentence in model.rules(given):
        if not (pending and key and has_placeholder(given[key])):
            findings.add(node.at((key,)) if key else node, sentence)
    for key, inner in _nested(model):
        if isinstance(given.get(key), dict):
            _examine_rules(inner, node.at((key,)), findings, pending=pending)


def _nested(model: type[Settings]) -> Iterator[tuple[str, type[Settings]]]:
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if key not in model.references and isinstance(kind, type) and issubclass(kind, Settings):
                yield key, kind


def _add(model: type[Settings], node: Node, fault: _Fault, findings: ProblemList, *, pending: bool) -> None:
    at = node.at(fault.path)
    if fault.kind == "missing":
        is_blank = at.origin[-1:] == fault.path[-1:]
        findings.add(at, "is blank, and needed" if is_blank else f"lacks {fault.path[-1]}")
    elif fault.kind == _UNKNOWN:
        findings.add_unknown(at, _owner(model, fault.path).known_keys())
    elif not (pending and has_placeholder(plain(at))):
        findings.add(at, fault.sentence or _in_our_words(fault.kind), secret=is_secret(model, fault.path[0]))


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
