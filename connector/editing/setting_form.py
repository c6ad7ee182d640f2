"""Settings of an orchestration or a destination as the fields of a form, and the edits that a filled form asks for."""

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr

from connector.config.destination_types import settings_model
from connector.config.field_docs import field_docs
from connector.config.layout import SECTION_MODELS
from connector.config.nodes import Path as NodePath
from connector.config.nodes import dotted
from connector.config.project_files import BUILT_IN_TEMPLATES
from connector.config.settings import Settings
from connector.config.yaml import parse_content
from connector.editing.marked_text import MarkedText
from connector.editing.proposal import FileVersion
from connector.editing.splice import REMOVED, Edit
from connector.editing.value_text import flow_text

_PLACEHOLDER = re.compile(r"\s*\{\{[^{}]*\}\}\s*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FILES = {"query": ("queries", ".sql"), "template": ("templates", ".yaml")}
HIDDEN = "set, and not shown"
"""The text that is shown in place of a secret that the file contains."""


class FieldKind(StrEnum):
    """How a setting is entered."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    WORDS = "words"
    """Words with commas between them."""
    SECRET = "secret"  # noqa: S105 - a kind of field
    YAML = "yaml"
    """A mapping or a list, as YAML in one line."""


@dataclass(frozen=True)
class FormField:
    """A setting in a form."""

    key: str
    """Its key in the file."""
    kind: FieldKind
    description: str
    is_required: bool
    choices: tuple[str, ...]
    """The values to choose from, for CHOICE."""
    default: str
    """The value without the setting; empty if there is none."""
    text: str
    """The value under the target as it is written, placeholders included; empty if the setting is not there."""
    origin: str
    """Where the value is written: `line 66`, or `targets.sandbox, line 104`; empty if it is nowhere."""
    path: NodePath
    """The path at which it is written, or would be for every target."""


class InvalidField(ValueError):
    """A text that cannot be the value of a setting; the message is a sentence for the user."""


class SettingForm:
    """The settings of an entry of the file under a target."""

    def __init__(self, directory: Path, version: FileVersion, section: str, name: str, target: str) -> None:
        """Read an entry of `orchestrations` or `destinations`. Raises KeyError if there is none."""
        self._directory, self._data = directory, version.data
        self._marked = MarkedText(version.content.removeprefix(b"\xef\xbb\xbf").decode())
        self._section, self._name, self.target = section, name, target
        layers = [layer for layer in (self._entry(()), self._entry(("targets", target))) if layer is not None]
        if not layers:
            raise KeyError(name)
        self._model = self._model_of({key: value for layer in layers for key, value in layer.items()})
        self.fields = tuple(self._fields())

    @property
    def has_targets(self) -> bool:
        """True if the file has targets, so that a value may be for one of them alone."""
        return bool(self._data.get("targets"))

    def edits(self, texts: Mapping[str, str], *, only_target: bool) -> tuple[list[Edit], dict[str, str]]:
        """Return the edits for the texts of the fields that differ from what is written, and the faults by key.

        With `only_target`, new values are for the target alone. A value that a target has is changed there in any case.
        """
        edits, faults = [], {}
        for field in self.fields:
            text = texts.get(field.key, field.text).strip()
            if text == field.text.strip():
                continue
            try:
                value = _value(field, text) if text else REMOVED
            except InvalidField as fault:
                faults[field.key] = str(fault)
            else:
                edits.append(Edit(self._path(field, only_target=only_target), value))
        return edits, faults

    def field_at(self, path: NodePath) -> str | None:
        """Return the key of the field of which a value is at a path."""
        return next((field.key for field in self.fields if field.key in path or field.path == path), None)

    def _path(self, field: FormField, *, only_target: bool) -> NodePath:
        is_in_target = field.path[0] == "targets"
        return ("targets", self.target, *field.path) if only_target and not is_in_target else field.path

    def _entry(self, prefix: NodePath) -> Mapping[str, Any] | None:
        data: Any = self._data
        for key in (*prefix, self._section, self._name):
            data = data.get(key) if isinstance(data, dict) else None
        return data if isinstance(data, dict) else None

    def _model_of(self, entry: Mapping[str, Any]) -> type[Settings]:
        if self._section == "destinations":
            model = settings_model(entry.get("type"), entry)
            if model is None:
                raise KeyError(self._name)
            return model
        return SECTION_MODELS[self._section]

    def _fields(self) -> Iterator[FormField]:
        docs = field_docs(self._model)
        for key, info in self._model.model_fields.items():
            if key in self._model.internal_fields or (self._section == "destinations" and key == "type"):
                continue
            written = self._written(key)
            path = written[0] if written else (self._section, self._name, key)
            kind, choices = self._kind(key, info.annotation)
            value = written[1] if written else None
            default = info.default if isinstance(info.default, str | int | float) else None
            yield FormField(
                key,
                kind,
                docs.get(key, ""),
                info.is_required(),
                choices,
                "" if default is None else _shown(kind, default),
                "" if value is None else _shown(kind, value),
                self._origin(path) if written else "",
                path,
            )

    def _written(self, key: str) -> tuple[NodePath, Any] | None:
        """Return where a setting is written, in its target before the rest of the file, and its value."""
        names = [key, *(alias for alias, one in self._model.aliases.items() if one == key)]
        for prefix in (("targets", self.target), ()):
            entry = self._entry(prefix) or {}
            for name in names:
                if entry.get(name) is not None:
                    return (*prefix, self._section, self._name, name), entry[name]
        return None

    def _origin(self, path: NodePath) -> str:
        lines = self._marked.lines_of(path)
        line = f"line {lines[0]}" if lines else ""
        return ", ".join(filter(None, [dotted(path[:2]) if path[0] == "targets" else "", line]))

    def _kind(self, key: str, annotation: Any) -> tuple[FieldKind, tuple[str, ...]]:
        if section := self._model.references.get(key):
            return FieldKind.CHOICE, tuple(self._names(section))
        if key in _FILES and self._section == "orchestrations":
            return FieldKind.CHOICE, tuple(self._file_names(key))
        kind = _bare(annotation)
        if get_origin(kind) is Literal:
            return FieldKind.CHOICE, tuple(map(str, get_args(kind)))
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return FieldKind.CHOICE, tuple(map(str, kind))
        if kind is bool:
            return FieldKind.CHOICE, ("true", "false")
        return _KINDS.get(kind, FieldKind.YAML), ()

    def _names(self, section: str) -> Iterable[str]:
        layers = [self._data, *(self._data.get("targets") or {}).values()]
        return dict.fromkeys(name for layer in layers if isinstance(layer, dict) for name in layer.get(section) or {})

    def _file_names(self, key: str) -> Sequence[str]:
        folder, ending = _FILES[key]
        names = {path.stem for path in (self._directory / folder).glob(f"*{ending}")}
        return sorted(names | BUILT_IN_TEMPLATES if key == "template" else names)


_KINDS: Mapping[Any, FieldKind] = {
    str: FieldKind.TEXT,
    Path: FieldKind.TEXT,
    int: FieldKind.NUMBER,
    float: FieldKind.NUMBER,
    tuple[str, ...]: FieldKind.WORDS,
    SecretStr: FieldKind.SECRET,
}


def _bare(annotation: Any) -> Any:
    """Return a type without `Annotated` and `None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        others = [one for one in get_args(annotation) if one is not type(None)]
        return _bare(others[0]) if len(others) == 1 else annotation
    return annotation


def _shown(kind: FieldKind, value: Any) -> str:
    if kind is FieldKind.SECRET and not _PLACEHOLDER.fullmatch(str(value)):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    if kind is FieldKind.WORDS and isinstance(value, list) and not any("," in str(word) for word in value):
        return ", ".join(map(str, value))
    return flow_text(value) if isinstance(value, dict | list) else str(value)


def _value(field: FormField, text: str) -> Any:
    """Return the value that a text is written for. Raises InvalidField."""
    if field.kind is FieldKind.SECRET and not _PLACEHOLDER.fullmatch(text):
        raise InvalidField("must come from the environment or a secret: write {{ env.NAME }}.")
    if field.kind is FieldKind.NUMBER and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if field.choices == ("true", "false"):
        return text == "true"
    if field.kind is FieldKind.WORDS and not text.startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    return _yaml(text) if field.kind in (FieldKind.YAML, FieldKind.WORDS) else text


def _yaml(text: str) -> Any:
    document, problems = parse_content(f"value: {text}".encode(), Path("value"))
    if document is None or problems or not isinstance(document.data, dict) or list(document.data) != ["value"]:
        raise InvalidField('must be YAML in one line, such as {cron: "0 6 * * *"} or [a, b].')
    return document.data["value"]
