"""Settings of an orchestration and all that it refers to, as texts to compare between targets."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.config.credential import Credential
from connector.config.destination import DestinationSettings
from connector.config.destination_types import settings_model
from connector.config.engine import EngineSettings
from connector.config.layout import Top, destination_model, section
from connector.config.nodes import Node, plain
from connector.config.orchestration import Orchestration
from connector.config.settings import Settings
from connector.config.validate_entry import is_secret
from connector.config.warehouse import Warehouse

NOT_SET = "not set"
SECRET = "differs (secret)"  # noqa: S105 - it stands in for one

Fill = Callable[[Node], Node]
"""Fills in the variables that are set."""


@dataclass(frozen=True, slots=True)
class SettingText:
    """A setting. It prints as its text, which contains no secret."""

    value: Any
    text: str

    def __repr__(self) -> str:
        return self.text


def settings_used(root: Node, orchestration: str, fill: Fill) -> dict[str, SettingText]:
    """Return the settings of an orchestration and all that it refers to, by names such as `destination.api_url`."""
    entry = section(root, "orchestrations").at((orchestration,))
    destination = _referred(root, entry, "destination", fill)
    kind = destination_model(destination) or DestinationSettings
    parts: tuple[tuple[str, type[Settings], Node], ...] = (
        ("orchestration", Orchestration, entry),
        ("warehouse", Warehouse, _referred(root, entry, "warehouse", fill)),
        ("destination", kind, destination),
        ("engine", EngineSettings, _referred(root, entry, "engine", fill)),
        ("credential", Credential, _referred(root, destination, "credential", fill)),
    )
    settings = {f"{name}.{key}": text for name, model, node in parts for key, text in _settings(model, node, fill)}
    outside = Node({key: node for key, node in root.entries() if key in Top.model_fields}, root.line)
    return settings | {key: text for key, text in _settings(Top, outside, fill) if key not in {"version", "target"}}


def setting_or_default(name: str, settings: Mapping[str, SettingText]) -> SettingText:
    """Return a setting; if the file does not have it, its default, if that is a single word or number."""
    if name in settings:
        return settings[name]
    part, _, key = name.partition(".")
    kind = settings["destination.type"].value if "destination.type" in settings else ""
    keys = {key.removeprefix("destination.") for key in settings}
    models: dict[str, type[Settings]] = {
        "orchestration": Orchestration,
        "warehouse": Warehouse,
        "engine": EngineSettings,
        "destination": settings_model(kind, keys) or DestinationSettings,
        "credential": Credential,
    }
    field = models.get(part, Top).model_fields.get(key or part)
    default = field.default if field and isinstance(field.default, str | int | float) else None
    return SettingText(default, NOT_SET if default is None else f"{_text(default)} (default)")


def _referred(root: Node, entry: Node, key: str, fill: Fill) -> Node:
    """Return the entry that another refers to; an empty one if it refers to none."""
    reference = entry.child(key)
    name = str(fill(reference).value) if reference else ""
    return section(root, f"{key}s").child(name) or Node({}, entry.line)


def _settings(model: type[Settings], node: Node, fill: Fill) -> Iterator[tuple[str, SettingText]]:
    for key, child in node.entries():
        for name, leaf in _leaves(key, child):
            filled = fill(leaf)
            text = SECRET if is_secret(model, key) else _text(filled.template or plain(filled))
            yield name, SettingText(plain(filled), text)


def _leaves(name: str, node: Node) -> Iterator[tuple[str, Node]]:
    if not isinstance(node.value, dict):
        yield name, node
    for key, child in node.entries():
        yield from _leaves(f"{name}.{key}", child)


def _text(value: object) -> str:
    if value is None:
        return NOT_SET
    return str(value).lower() if isinstance(value, bool) else str(value)
