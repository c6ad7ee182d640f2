"""Layout of `orchestrations.yaml`: its sections, its other keys, and the spellings of keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from connector.config.console import ConsoleSettings
from connector.config.credential import Credential
from connector.config.data_marketplace import normalize_key
from connector.config.dbt import DbtSettings
from connector.config.destination import DestinationSettings
from connector.config.destination_types import BUILT_IN, destination_type, destination_types, settings_model
from connector.config.engine import EngineSettings
from connector.config.fields import Mapped, Switch, Text, whole
from connector.config.nodes import Node
from connector.config.orchestration import Orchestration
from connector.config.problems import ProblemList
from connector.config.roles import Role
from connector.config.secrets import Secrets
from connector.config.settings import Settings
from connector.config.suggest import did_you_mean, fold
from connector.config.warehouse import DatabaseUrl, Warehouse
from connector.errors import Rule

SECTIONS = ("warehouses", "credentials", "destinations", "engines", "orchestrations")
MOST_ENTRIES, MOST_TARGETS = 2_000, 50
"""The most entries of a section, and the most targets. Each target is checked separately."""
SECTION_MODELS: Mapping[str, type[Settings]] = {
    "warehouses": Warehouse,
    "credentials": Credential,
    "engines": EngineSettings,
    "orchestrations": Orchestration,
}


class McpSettings(Settings):
    """The permissions of assistants that use `connector mcp`."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    run: Switch = False
    """If `true`: also run orchestrations, which sends."""


class Top(Settings):
    """The keys outside the sections."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    version: Any = None
    """The version of the file format: `1`."""
    target: Text | None = None
    """The target to use if a command has no `--target`. Required if the file has more than one target."""
    targets: Any = None
    """For each target, the settings that differ, merged over the rest of the file."""
    ledger: DatabaseUrl | None = None
    """The SQLAlchemy URL of the ledger: PostgreSQL, or another SQLite file. Without it: `.connector/ledger.sqlite`."""
    retention_days: Annotated[int, whole(1, 36500)] = 30
    """The number of days to keep the folder of a finished run, with its excluded rows."""
    dbt: DbtSettings | None = None
    """A dbt project, whose models `model` of an orchestration and `ref()` and `source()` in queries name."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """The rights to send and to see personal data. Without roles, everybody may do everything."""
    secrets: Secrets = Field(default_factory=Secrets, repr=False)
    """Secrets in files, and from commands that print them."""
    notifications: Mapped = Field(default_factory=dict, repr=False)
    """Services and webhooks that `notify` of an orchestration refers to."""
    mcp: McpSettings = McpSettings()
    """The permissions of assistants that use `connector mcp`."""
    console: ConsoleSettings = ConsoleSettings()
    """Who may enter the console in the browser."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys that the file may have, sections included."""
        return [*super().known_keys(), *SECTIONS]


def section(root: Node, name: str) -> Node:
    """Return a section or the targets; a node without entries if it is blank or absent."""
    node = root.child(name)
    if node is None or node.value is None:
        return Node({}, (node or root).line, (*root.origin, name), column=(node or root).column)
    return node


def check_size(root: Node, problems: ProblemList) -> None:
    """Refuse more entries and targets than can be checked within seconds. Raises ConfigurationError."""
    limits = {**dict.fromkeys((*SECTIONS, "notifications", "roles"), MOST_ENTRIES), "targets": MOST_TARGETS}
    for name, most in limits.items():
        node = section(root, name)
        if isinstance(node.value, dict) and len(node.value) > most:
            problems.add(node, f"has {len(node.value):,} entries; there can be {most:,}: make several projects of it")
            problems.raise_any()


def canonical_keys(root: Node, problems: ProblemList) -> Node:
    """Rename the keys of every entry as its model spells them: `Advertiser ID` to `advertiser_id`."""
    renamed = _with_sections(root, problems)
    targets = {name: _with_sections(target, problems) for name, target in section(renamed, "targets").entries()}
    return _with(renamed, {"targets": replace(section(renamed, "targets"), value=targets)}) if targets else renamed


def _with_sections(root: Node, problems: ProblemList) -> Node:
    sections = {name: root.child(name) for name in SECTIONS}
    return _with(root, {name: _entries(name, node, problems) for name, node in sections.items() if node is not None})


def _entries(name: str, node: Node, problems: ProblemList) -> Node:
    spellings = dict(_spelling_pairs(section_models(name, node)))
    return _with(node, {key: _rename_keys(entry, spellings, problems) for key, entry in node.entries()})


def apply_type_aliases(root: Node, problems: ProblemList) -> Node:
    """Rename the keys of each destination as its own type spells them."""
    destinations = section(root, "destinations")
    renamed = {name: _of_type(entry, problems) for name, entry in destinations.entries()}
    return _with(root, {"destinations": replace(destinations, value=renamed)}) if renamed else root


def _of_type(entry: Node, problems: ProblemList) -> Node:
    model = destination_model(entry)
    return _with_marketplace(_rename_keys(entry, model.aliases, problems)) if model else entry


def destination_model(entry: Node) -> type[DestinationSettings] | None:
    """Return the model of the settings of a destination; None if its type is not installed."""
    return settings_model(entry.at(("type",)).value, dict(entry.entries()))


def known_model(entry: Node, problems: ProblemList) -> type[DestinationSettings] | None:
    """Return the model of the settings of a destination; add a problem if it lacks a type, or has an unknown one."""
    kind, types = entry.child("type"), list(destination_types())
    if kind is None or kind.value is None:
        problems.add(entry, f"lacks type ({' or '.join(types)})", rule=Rule.MISSING_KEY)
    elif (model := destination_model(entry)) is None:
        problems.add(kind, f"must be {' or '.join(types)}.{did_you_mean(str(kind.value), types)}".removesuffix("."))
    else:
        return model
    return None


def _with_marketplace(entry: Node) -> Node:
    market = entry.child("data_marketplace") if isinstance(entry.value, dict) else None
    if market is None or not isinstance(market.value, dict):
        return entry
    renamed = {normalize_key(str(key)): child for key, child in market.value.items()}
    return _with(entry, {"data_marketplace": replace(market, value=renamed)})


def _rename_keys(entry: Node, spellings: Mapping[str, str], problems: ProblemList) -> Node:
    if not isinstance(entry.value, dict):
        return entry
    children: dict[str, Node] = {}
    for key, child in entry.value.items():
        name = spellings.get(fold(key), key)
        if name in children:
            other = children[name].origin[-1]
            problems.add(
                child,
                f'says the same as "{other}" on line {children[name].line}; keep one of them',
                rule=Rule.DUPLICATE_KEY,
            )
        children.setdefault(name, child)
    return replace(entry, value=children)


def _spelling_pairs(models: Sequence[type[Settings]]) -> Iterator[tuple[str, str]]:
    for model in models:
        yield from model.aliases.items()
    for model in models:
        yield from ((key, key) for key in model.known_keys())


def _with(node: Node, children: Mapping[str, Node]) -> Node:
    return replace(node, value={**node.value, **children}) if isinstance(node.value, dict) else node


def section_models(name: str, node: Node) -> Sequence[type[Settings]]:
    """Return the models of the entries of a section; for destinations, of every type that is named."""
    if name != "destinations":
        return [SECTION_MODELS[name]]
    types = [str(entry.at(("type",)).value) for _, entry in node.entries()]
    installed = map(destination_type, dict.fromkeys([*BUILT_IN, *types]))
    return [variant.settings for kind in installed if kind for variant in kind.all_variants()]
