"""Targets: the settings that differ, merged over the rest of the file."""

from collections.abc import Mapping
from dataclasses import replace

from connector.config.destination_types import settings_model
from connector.config.layout import SECTIONS, Top, apply_type_aliases, canonical_keys, section
from connector.config.nodes import Node
from connector.config.problems import ProblemList
from connector.config.suggest import did_you_mean
from connector.errors import Problem, Rule

DEFAULT = "default"
_NOT_IN_A_TARGET = ("version", "target", "targets")


def target_names(root: Node) -> tuple[str, ...]:
    """Return the names of the targets; a file without any has the one that `target` names, or `default`."""
    names = tuple(name for name, _ in section(root, "targets").entries())
    if names:
        return names
    chosen = root.at(("target",)).value
    return (chosen if isinstance(chosen, str) and chosen else DEFAULT,)


def choose_target(root: Node, asked: str | None, problems: ProblemList) -> str:
    """Return the target asked for, else that of the file; add a problem if there is no such target."""
    names = target_names(root)
    own = root.child("target")
    if not asked and own is not None and not _may_be_name(own.value):
        # The check of the whole file reports it.
        return names[0]
    name = asked or (own.value if own else None) or (names[0] if len(names) == 1 else None)
    if name is None:
        sentence = f"lacks target, the one of {', '.join(names)} to use when --target is not given"
        problems.add(root, sentence, rule=Rule.MISSING_KEY)
        return names[0]
    if name in names:
        return str(name)
    node = section(root, "targets") if asked or own is None else own
    if asked:
        hint = did_you_mean(asked, names) or f" The targets are {', '.join(names)}."
        problems.record(Problem(f'There is no target "{asked}".{hint}', rule=Rule.UNKNOWN_NAME))
        return names[0]
    problems.add_absent(node, "target", str(name), names, "in targets")
    return names[0]


def _may_be_name(value: object) -> bool:
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool) and value != "")


def merged_targets(root: Node, problems: ProblemList) -> Mapping[str, Node]:
    """Return the file as merged for each target."""
    root = canonical_keys(root, problems)
    base = replace(root, value={key: node for key, node in root.entries() if key != "targets"})
    targets = section(root, "targets")
    if not isinstance(targets.value, dict):
        problems.add(targets, "must be a mapping, as {local: {}, production: {}}")
    for _, target in targets.entries():
        _refuse_misplaced(target, problems)
    trees = {name: _merge(_of_other_types(base, target), target) for name, target in targets.entries()}
    trees = trees or {target_names(root)[0]: base}
    return {name: apply_type_aliases(tree, problems) for name, tree in trees.items()}


def _refuse_misplaced(target: Node, problems: ProblemList) -> None:
    if target.value is not None and not isinstance(target.value, dict):
        problems.add(target, "must be a mapping of sections, as {destinations: {}}")
    for key, node in target.entries():
        if key in _NOT_IN_A_TARGET:
            problems.add(node, "cannot differ between targets", rule=Rule.UNKNOWN_KEY)
        elif key not in Top.known_keys():
            known = ("ledger", "retention_days", "dbt", "roles", "secrets", "notifications")
            problems.add_unknown(node, [*SECTIONS, *known])


def _of_other_types(base: Node, target: Node) -> Node:
    """Drop settings of destinations to which a target gives another type, if that type has no such settings."""
    entries = dict(section(base, "destinations").entries())
    for name, over in section(target, "destinations").entries():
        entry, kind = entries.get(name), over.child("type") if isinstance(over.value, dict) else None
        if entry is None or not isinstance(entry.value, dict) or kind is None or kind.value is None:
            continue
        keys, before = {*entry.value, *(key for key, _ in over.entries())}, entry.child("type")
        model = settings_model(kind.value, keys)
        if model is not None and (before is None or before.value != kind.value):
            shared = {*model.known_keys(), *model.aliases}
            entries[name] = replace(entry, value={key: node for key, node in entry.entries() if key in shared})
    if not entries:
        return base
    return replace(
        base, value={**dict(base.entries()), "destinations": replace(section(base, "destinations"), value=entries)}
    )


def _merge(base: Node, over: Node, depth: int = 0) -> Node:
    """Merge mappings and replace everything else; a blank target, section or entry changes nothing."""
    if not isinstance(base.value, dict):
        return over
    if over.value is None and depth <= 2:
        return base
    if not isinstance(over.value, dict):
        return over if depth else base
    entries = base.value
    merged = {
        key: _merge(entries[key], node, depth + 1) if key in entries else node
        for key, node in over.value.items()
        if depth or (key in Top.known_keys() and key not in _NOT_IN_A_TARGET)
    }
    return replace(base, value={**entries, **merged})
