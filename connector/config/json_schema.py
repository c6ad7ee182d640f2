"""JSON Schema of `orchestrations.yaml`, for editors: keys, types, choices, defaults and descriptions of the settings.

It accepts every file that `connector validate` accepts. Names, rules between keys, and keys that only the targets of a
file complete are left to `connector validate`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from connector.config.data_marketplace import DataMarketplace
from connector.config.destination import DestinationSettings
from connector.config.destination_types import DestinationType, destination_types
from connector.config.field_docs import field_docs
from connector.config.fields import TEXT_SCHEMA, JsonSchema
from connector.config.layout import SECTION_MODELS, SECTIONS, Top
from connector.config.notification import Notification
from connector.config.settings import Settings

DRAFT = "http://json-schema.org/draft-07/schema#"
_PLACEHOLDER: JsonSchema = {"type": "string", "pattern": r"\{\{|\{%|\{#"}
"""A value that is filled in when the file is read."""
_FILLED_IN: JsonSchema = {"$ref": "#/definitions/placeholder"}
_BLANK: JsonSchema = {"type": "null"}
_ENTRY_NAME: JsonSchema = {"pattern": r"^(?!\s*$)[^./\\\x00-\x1f-][^/\\\x00-\x1f]*$"}
_SHELL_VARIABLE = r"^\s*\$([A-Za-z_][A-Za-z0-9_]*|\{(env[:.])?[A-Za-z_][A-Za-z0-9_]*(:?[-=?+][^}]*)?\})\s*$"
_SECTION_TEXTS = {
    "warehouses": "The databases to read.",
    "credentials": "The tokens and apps that open accounts.",
    "destinations": "Where results go.",
    "engines": "The clusters of machines that share the work of a run.",
    "orchestrations": "Which result goes to which destination, and when.",
}
_LONG_LIST = 50
_PLAIN: Mapping[Any, JsonSchema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    SecretStr: {"type": "string"},
}


def orchestrations_schema() -> JsonSchema:
    """Return the schema of `orchestrations.yaml`. Raises ConfigurationError for a type that cannot be loaded."""
    builder = _Builder()
    sections = {name: builder.section(name) for name in SECTIONS}
    top = builder.properties(Top)
    top["version"] = {"enum": [1], "description": top["version"]["description"]}
    top["roles"] = builder.mapping_of(builder.role, top["roles"]["description"])
    top["notifications"] = builder.mapping_of(builder.notification(), top["notifications"]["description"])
    in_target = {key: value for key, value in (top | sections).items() if key not in {"version", "target", "targets"}}
    target = {"type": ["object", "null"], "properties": in_target, "additionalProperties": False}
    top["targets"] = builder.mapping_of(target, top["targets"]["description"])
    return {
        "$schema": DRAFT,
        "title": "orchestrations.yaml",
        "type": "object",
        "properties": {**top, **sections},
        "additionalProperties": False,
        "required": ["version"],
        # What an entry lacks, a target may have.
        "if": {"required": ["targets"]},
        "then": True,
        "else": {"properties": {name: builder.required(name) for name in SECTIONS}},
        "definitions": {**builder.definitions, "placeholder": _PLACEHOLDER},
    }


class _Builder:
    """Builds the schema of each model once."""

    def __init__(self) -> None:
        self.definitions: dict[str, JsonSchema] = {}
        self._names: dict[type[Settings], str] = {}

    def section(self, name: str) -> JsonSchema:
        """Return the schema of a section."""
        entry = self._destination() if name == "destinations" else self.reference(SECTION_MODELS[name])
        schema = self.mapping_of(entry, _SECTION_TEXTS[name])
        return {**schema, "propertyNames": _ENTRY_NAME}

    @property
    def role(self) -> JsonSchema:
        """The schema of a role."""
        return self.reference(_settings_in(Top.model_fields["roles"].annotation) or Top)

    def notification(self) -> JsonSchema:
        """Return the schema of a notification: an address, several, or a mapping."""
        addresses = {"type": "array", "items": {"type": "string"}}
        return {"anyOf": [{"type": "string"}, addresses, self.reference(Notification)]}

    def mapping_of(self, entry: JsonSchema, description: str) -> JsonSchema:
        """Return the schema of a mapping of names to entries, which may be blank."""
        return {"description": description, "type": ["object", "null"], "additionalProperties": entry}

    def reference(self, model: type[Settings], entry_type: str | None = None) -> JsonSchema:
        """Return a reference to the schema of a model."""
        if model not in self._names:
            sections = {entry: name.removesuffix("s") for name, entry in SECTION_MODELS.items()}
            name = sections.get(model) or re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()
            if name in self.definitions:
                name = f"{model.__module__}.{name}"
            self._names[model] = name
            self.definitions[name] = {}
            self.definitions[name] = self._object(model, entry_type)
        return {"$ref": f"#/definitions/{self._names[model]}"}

    def _object(self, model: type[Settings], entry_type: str | None) -> JsonSchema:
        properties = self.properties(model)
        if entry_type is not None:
            properties["type"] = {**properties["type"], "enum": [entry_type]}
            properties["type"].pop("anyOf", None)
        spellings = {_spellings(key): {"$ref": _pointer(self._names[model], key)} for key in properties}
        has_spellings = model in SECTION_MODELS.values() or issubclass(model, DestinationSettings | DataMarketplace)
        return {
            "description": (model.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": properties,
            **({"patternProperties": spellings} if has_spellings else {}),
            "additionalProperties": False,
        }

    def properties(self, model: type[Settings]) -> dict[str, JsonSchema]:
        """Return the schema of each key of a model, its other names included."""
        docs = field_docs(model, (model.__module__.partition(".")[0],))
        fields = {key: field for key, field in model.model_fields.items() if key not in model.internal_fields}
        found = {key: self._property(model, key, field, docs.get(key, "")) for key, field in fields.items()}
        # Editors do not offer the other names.
        aliases = {alias: {**found[key], "doNotSuggest": True} for alias, key in model.aliases.items() if key in found}
        return {**found, **{alias: schema for alias, schema in aliases.items() if alias not in found}}

    def _property(self, model: type[Settings], key: str, field: FieldInfo, doc: str) -> JsonSchema:
        reference = key in model.references
        value = TEXT_SCHEMA if reference else self._value(field.annotation, field.metadata)
        options = value["anyOf"] if set(value) == {"anyOf"} else [value]
        schema: JsonSchema = {"description": doc} if doc else {}
        if "`" in doc:
            schema["markdownDescription"] = doc
        secret = "SecretStr" in str(field.annotation)
        if secret:
            schema["not"] = {"type": "string", "pattern": _SHELL_VARIABLE}
        fillable = [] if key == "type" else [_FILLED_IN]
        schema["anyOf"] = [*options, *fillable, _BLANK]
        default = None if field.is_required() or field.default_factory else field.default
        if isinstance(default, str | int | float) and not secret:
            schema["default"] = default
        elif isinstance(default, tuple) and default:
            schema["default"] = list(default)
        return schema

    def _value(self, annotation: Any, metadata: Iterable[Any] = ()) -> JsonSchema:
        schema = self._of_type(annotation)
        for part in metadata:
            build = getattr(getattr(part, "func", None), "json_schema", None)
            schema = self._shared(part.func.__name__, build(schema)) if build else schema
        return schema

    def _shared(self, name: str, schema: JsonSchema) -> JsonSchema:
        """Put a long list of words where other settings can refer to it."""
        if len(schema.get("enum", ())) < _LONG_LIST:
            return schema
        self.definitions[name] = schema
        return {"$ref": f"#/definitions/{name}"}

    def _of_type(self, annotation: Any) -> JsonSchema:
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._value(parts[0], parts[1:])
        if origin in {Union, UnionType}:
            options = [self._of_type(part) for part in parts if part is not type(None)]
            return options[0] if len(options) == 1 else {"anyOf": options}
        if origin is tuple:
            return {"type": "array", "items": self._of_type(parts[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._of_type(parts[1])}
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            return self.reference(annotation)
        return {"enum": list(parts)} if origin is Literal else dict(_PLAIN.get(annotation, {}))

    def _destination(self) -> JsonSchema:
        """Return the schema of a destination: that of its type; without a type, any key that some type has."""
        types = destination_types()
        of_types = [self._variants(name, kind) for name, kind in types.items()]
        models = dict.fromkeys(variant.settings for kind in types.values() for variant in kind.all_variants())
        merged: dict[str, JsonSchema] = {}
        for model in models:
            for key, value in self.definitions[self._names[model]]["properties"].items():
                merged[key] = _either(merged.get(key, value), value)
        merged["type"] = {"description": "Selects what kind of destination it is.", "enum": [*types, None]}
        self.definitions["destination"] = {
            "type": "object",
            "properties": merged,
            "patternProperties": {_spellings(key): {"$ref": _pointer("destination", key)} for key in merged},
            "additionalProperties": False,
        }
        schema: JsonSchema = {"$ref": "#/definitions/destination"}
        for name, of_type in zip(types, of_types, strict=True):
            is_type = {"properties": {"type": {"const": name}}, "required": ["type"]}
            schema = {"if": is_type, "then": of_type, "else": schema}
        return {"type": "object", "properties": {"type": merged["type"]}, **schema}

    def _variants(self, name: str, kind: DestinationType) -> JsonSchema:
        schema = self.reference(kind.settings, name)
        for key, variant in kind.variants.items():
            schema = {"if": {"required": [key]}, "then": self.reference(variant.settings, name), "else": schema}
        return schema

    def required(self, section: str) -> JsonSchema:
        """Return the schema that refuses entries of a section which lack a key."""
        if section != "destinations":
            return {"additionalProperties": _requires(SECTION_MODELS[section])}
        needed: JsonSchema = {"required": ["type"]}
        for name, kind in destination_types().items():
            needs = _requires(kind.settings)
            for key, variant in kind.variants.items():
                needs = {"if": {"required": [key]}, "then": _requires(variant.settings), "else": needs}
            is_type = {"properties": {"type": {"const": name}}, "required": ["type"]}
            needed = {"if": is_type, "then": needs, "else": needed}
        return {"additionalProperties": needed}


def _either(first: JsonSchema, second: JsonSchema) -> JsonSchema:
    """Return the schema of a key that several types have."""
    if first == second:
        return first
    options = [*first.get("anyOf", []), *(one for one in second.get("anyOf", []) if one not in first.get("anyOf", []))]
    return {"description": first.get("description", ""), "anyOf": options}


def _requires(model: type[Settings]) -> JsonSchema:
    needed = [
        key for key, field in model.model_fields.items() if field.is_required() and key not in model.internal_fields
    ]
    return {"allOf": [_has(key, model.aliases) for key in needed]} if needed else {}


def _has(key: str, aliases: Mapping[str, str]) -> JsonSchema:
    """Return the schema of an object that has a key, in whichever spelling."""
    names = [key, *(alias for alias, name in aliases.items() if name == key)]
    other = {"not": {"propertyNames": {"not": {"anyOf": [{"pattern": _spellings(name)} for name in names]}}}}
    return {"anyOf": [*({"required": [name]} for name in names), other]}


def _spellings(key: str) -> str:
    """Return a pattern of the other spellings that are read as a key: `Advertiser ID` for `advertiser_id`."""
    return rf"^(?!{re.escape(key)}$)\s*{''.join(map(any_case, key))}\s*\??\s*$"


def any_case(character: str) -> str:
    """Return a pattern of a character in either case; of an underscore, of what is read as one."""
    if character == "_":
        return "[ _-]"
    return f"[{character.lower()}{character.upper()}]" if character.isalpha() else re.escape(character)


def _pointer(definition: str, key: str) -> str:
    return f"#/definitions/{definition}/properties/{key}"


def _settings_in(annotation: Any) -> type[Settings] | None:
    return next(_models_in(annotation), None)


def _models_in(annotation: Any) -> Iterator[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
