"""Checks of the names by which entries of the file refer to others."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from connector.config.dbt import DBT
from connector.config.layout import section
from connector.config.nodes import Node
from connector.config.problems import ProblemList
from connector.config.render import has_placeholder
from connector.errors import Rule

_KINDS = {
    "warehouses": "warehouse",
    "credentials": "credential",
    "destinations": "destination",
    "engines": "engine",
    "orchestrations": "orchestration",
}


class _Reference(NamedTuple):
    entry: Node
    key: tuple[str, ...]
    section: str


def check_references(root: Node, problems: ProblemList) -> None:
    """Find unknown names, and orchestrations that wait for themselves."""
    for reference in _references(root):
        _check(reference, root, problems)
    for name, entry in section(root, "orchestrations").entries():
        _check_notify(entry, root, problems)
        _check_dbt(name, entry, root, problems)
    _check_cycles(root, problems)


def _references(root: Node) -> Iterator[_Reference]:
    for _, entry in section(root, "destinations").entries():
        yield _Reference(entry, ("credential",), "credentials")
    for _, entry in section(root, "orchestrations").entries():
        yield _Reference(entry, ("warehouse",), "warehouses")
        yield _Reference(entry, ("destination",), "destinations")
        yield _Reference(entry, ("engine",), "engines")
        yield _Reference(entry, ("schedule", "after"), "orchestrations")


def _check(reference: _Reference, root: Node, problems: ProblemList) -> None:
    node = _leaf(reference.entry, reference.key)
    if node is None or (reference.key[-1] == "after" and node.value == DBT and _leaf(root, (DBT,)) is not None):
        return
    names = [name for name, _ in section(root, reference.section).entries()]
    if has_placeholder(node.value) or str(node.value) in names:
        return
    if reference.key[-1] == "after" and node.value == DBT:
        sentence = "names dbt, which has no settings: write `dbt: {manifest: PATH/target/manifest.json}` at the top"
        problems.add(node, sentence, rule=Rule.MISSING_KEY)
    elif isinstance(node.value, str | int):
        problems.add_absent(node, _KINDS[reference.section], str(node.value), names, f"in {reference.section}")
    else:
        problems.add(node, f"must be the name of one of the {reference.section}")


def _check_dbt(name: str, entry: Node, root: Node, problems: ProblemList) -> None:
    """Find names of dbt models without the settings of dbt, and an orchestration that is named like dbt itself."""
    has_dbt = _leaf(root, (DBT,)) is not None
    model = _leaf(entry, ("model",))
    if model is not None and not has_dbt:
        sentence = "needs the manifest of dbt: write `dbt: {manifest: PATH/target/manifest.json}` at the top"
        problems.add(model, sentence, rule=Rule.MISSING_KEY)
    if name == DBT and has_dbt:
        problems.add(entry, "has the name that stands for dbt in schedule.after; choose another name")


def _check_notify(entry: Node, root: Node, problems: ProblemList) -> None:
    """Find names in `notify` that are not in `notifications`."""
    notify = _leaf(entry, ("notify",))
    if notify is None:
        return
    items = notify.children() if isinstance(notify.value, list) else [notify]
    references = list(notify.entries()) or [
        (str(item.value), item) for item in items if isinstance(item.value, str | int)
    ]
    names = [name for name, _ in section(root, "notifications").entries()]
    for name, node in references:
        if not has_placeholder(name) and name not in names:
            problems.add_absent(node, "notification", name, names, "in notifications")


def _leaf(entry: Node, key: tuple[str, ...]) -> Node | None:
    node: Node | None = entry
    for step in key:
        node = node.child(step) if node else None
    return node if node is not None and node.value is not None else None


def _check_cycles(root: Node, problems: ProblemList) -> None:
    orchestrations = dict(section(root, "orchestrations").entries())
    follows = {name: _leaf(entry, ("schedule", "after")) for name, entry in orchestrations.items()}
    for name, after in follows.items():
        if after is not None and name in _before(name, follows):
            problems.add(after, f'makes "{name}" wait for itself', rule=Rule.CYCLE)


def _before(name: str, follows: Mapping[str, Node | None]) -> Iterator[str]:
    seen: set[str] = set()
    after = follows.get(name)
    while after is not None and str(after.value) not in seen:
        seen.add(str(after.value))
        yield str(after.value)
        after = follows.get(str(after.value))
