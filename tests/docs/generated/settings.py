"""The page of settings, from the models of settings and the docstrings of their fields."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from connector.config.destination import DestinationSettings
from connector.config.destination_types import destination_types
from connector.config.layout import SECTION_MODELS as MODELS
from connector.config.layout import SECTIONS, Top
from connector.config.notification import DEFAULT_ENDINGS, ENDINGS, Notification
from connector.config.orchestration import Orchestration
from connector.config.roles import Role
from connector.config.secrets import Secrets
from connector.config.settings import Settings
from tests.docs.generated.tables import field_docs, table

UNLIKELY = "\0" * 200
"""A text that every type refuses which does not take any text; the refusal says what it takes."""

TYPES: dict[str, type[DestinationSettings]] = {name: one.settings for name, one in destination_types().items()}
VARIANTS: dict[str, type[DestinationSettings]] = {
    f"{name}` and `{key}": variant.settings
    for name, one in destination_types().items()
    for key, variant in {id(variant): (key, variant) for key, variant in reversed(list(one.variants.items()))}.values()
}
"""The models of entries that also have a key, as `file` and `audience`."""
BY_TYPE = {**TYPES, **VARIANTS}
LINKED = {Top, *MODELS.values(), *BY_TYPE.values()}
"""The models whose settings have links; the names of others mean other things."""
HEADING = ("setting, and other spellings", "value", "default", "meaning")
BY_NAME = {
    "version": "`1`",
    "target": "name of a target",
    "targets": "mapping: [target](../how-to/environments.md) to sections",
    "credential": "name of a [credential](#credentials)",
    "warehouse": "name of a [warehouse](#warehouses)",
    "destination": "name of a [destination](#destinations)",
    "engine": "name of an [engine](#engines)",
    "format": "name of a format, or a [mapping](#format)",
    "notify": "name, list of names, or [mapping](#notify)",
    "roles": "mapping: name to [role](#roles)",
    "notifications": "mapping: name to [notification](#notifications), or to one or more addresses",
}
LINKS = {
    "email_rule": "../how-to/audiences.md#email-rules",
    "retry": "../explanation/delivery.md#retries-rates-and-rejections",
    "admin_only": "../how-to/access.md",
    "pii": "../how-to/access.md",
    "proxy": "../explanation/security.md#network-access",
    "ca_file": "../explanation/security.md#network-access",
    "timezone": "timestamps.md",
    "line_items": "../explanation/delivery.md#events-and-line-items",
    "identical_rows": "../explanation/delivery.md#events-and-line-items",
    "negative_lines": "../explanation/delivery.md#events-and-line-items",
    "external_access": "../how-to/warehouses.md#duckdb",
    "engine": "../how-to/scale.md",
    "split_by": "../how-to/scale.md",
    "dialect": "../how-to/warehouses.md#use-a-query-written-for-another-database",
    "data_marketplace": "../how-to/audiences.md#third-party-data",
    "limit": "../explanation/delivery.md#limits",
    "max_reject_percent": "../explanation/delivery.md#runs-that-send-nothing-because-of-their-rows",
    "min_rows": "../explanation/delivery.md#runs-that-send-nothing-because-of-their-rows",
    "ledger": "../explanation/delivery.md#ledger",
    "advertiser_ids": "../how-to/audiences.md#ad-accounts",
}

INTRODUCTION = """\
# Settings

Every setting of `orchestrations.yaml`. You can leave out each setting that is not "required".

- Keys are written with underscores. `Advertiser ID` is read as `advertiser_id`.
- A value from the environment is written as `"{{ env.NAME }}"`. Secrets belong there, or in
  [files or a vault](../how-to/secrets.md).
- Relative paths start at the project folder.
- A [target](../how-to/environments.md) can change every setting except `version` and `target`.
- Limits: 1 MiB, 50,000 values and 40 levels for a file, 2,000 entries for a section, 50 targets.

"""


def page() -> str:
    """Return the page."""
    return INTRODUCTION + "\n".join(_sections())


def _sections() -> Iterator[str]:
    sections = (
        (f"`{name}`", f"mapping: name to [{name[:-1]}](#{name})", "", SECTION_MEANINGS[name]) for name in SECTIONS
    )
    yield f"## Top level\n\n{table(HEADING, [*rows(Top), *sections])}"
    yield from (_nested_section(name, part) for name, part in _nested(Top) if part is not Role)
    yield f"## Warehouses\n\nBelow `warehouses`, for each name:\n\n{_of(MODELS['warehouses'])}"
    yield f"## Credentials\n\nBelow `credentials`, for each name:\n\n{_of(MODELS['credentials'])}"
    yield from _destinations()
    yield f"## Engines\n\nBelow `engines`, for each name. [How to use them](../how-to/scale.md).\n\n{_of(MODELS['engines'])}"
    yield f"## Orchestrations\n\nBelow `orchestrations`, for each name:\n\n{_of(Orchestration)}"
    yield f"### notify\n\nThe words for when a notification is sent. Default: {_words(DEFAULT_ENDINGS)}.\n\n" + table(
        ("word",), [(f"`{word}`",) for word in ENDINGS]
    )
    yield f"## Roles\n\nBelow `roles`, for each name:\n\n{_of(Role)}"
    yield f"## Secrets\n\nBelow `secrets`. [How to use them](../how-to/secrets.md).\n\n{_of(Secrets)}"
    yield f"## Notifications\n\nBelow `notifications`, for each name, `url` or `webhook`:\n\n{_of(Notification)}"


SECTION_MEANINGS = {
    "warehouses": "The databases to read.",
    "credentials": "The tokens and apps that open TikTok accounts.",
    "destinations": "Where results go.",
    "engines": "The clusters of machines that share the work of a run.",
    "orchestrations": "Which result goes to which destination, and when.",
}


def _destinations() -> Iterator[str]:
    every = {kind: list(rows(model)) for kind, model in BY_TYPE.items()}
    first, *others = every.values()
    shared = [row for row in first if all(row in other for other in others)]
    yield f"## Destinations\n\nBelow `destinations`, for each name. Settings of every type:\n\n{table(HEADING, shared)}"
    for kind, found in every.items():
        yield f"### {kind.replace('`', '')}\n\nFurther settings with `type: {kind}`:\n\n" + table(
            HEADING, [row for row in found if row not in shared]
        )
    nested = dict.fromkeys(part for model in BY_TYPE.values() for part in _nested(model))
    yield from (_nested_section(name, model) for name, model in nested)


def _of(model: type[Settings]) -> str:
    below = "".join("\n" + _nested_section(name, part) for name, part in _nested(model))
    return table(HEADING, rows(model)) + below


def _nested_section(name: str, model: type[Settings]) -> str:
    return f"### {name}\n\n{table(HEADING, rows(model))}"


def _nested(model: type[Settings]) -> Iterator[tuple[str, type[Settings]]]:
    for name in keys(model):
        if name not in model.references and (part := settings_in(model.model_fields[name].annotation)):
            yield name, part


def keys(model: type[Settings]) -> list[str]:
    """Return the settings that a model holds itself."""
    return [name for name in model.model_fields if name not in model.internal_fields]


def models() -> list[type[Settings]]:
    """Return every model of settings, those in others after them."""
    tops: list[type[Settings]] = [Top, *MODELS.values(), *BY_TYPE.values()]
    return list(dict.fromkeys(found for top in tops for found in _with_nested(top)))


def _with_nested(model: type[Settings]) -> Iterator[type[Settings]]:
    yield model
    for name in keys(model):
        if part := settings_in(model.model_fields[name].annotation):
            yield from _with_nested(part)


def settings_in(annotation: Any) -> type[Settings] | None:
    """Return the model that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    if get_origin(annotation) in {Union, UnionType, Annotated}:
        return next((found for part in get_args(annotation) if (found := settings_in(part))), None)
    return None


def rows(model: type[Settings]) -> Iterator[tuple[str, ...]]:
    """Return a row for each setting of a model, in the order of its fields."""
    docs = field_docs(model)
    for name in keys(model):
        others = [f"`{alias}`" for alias, key in model.aliases.items() if key == name]
        field = model.model_fields[name]
        link = f" [More]({LINKS[name]})." if name in LINKS and model in LINKED else ""
        spellings = f"`{name}`" + (f" ({', '.join(others)})" if others else "")
        yield spellings, value(name, field), default(field), docs[name] + link


def default(field: FieldInfo) -> str:
    """Return a default as it would be written; empty where there is none."""
    if field.is_required():
        return "required"
    found = field.default
    if found is None or found == () or isinstance(found, Settings) or field.default_factory:
        return ""
    if isinstance(found, bool):
        return f"`{str(found).lower()}`"
    return f"`{found[0] if isinstance(found, tuple) else f'{found:g}' if isinstance(found, float) else found}`"


def value(name: str, field: FieldInfo) -> str:
    """Return what a setting takes, in the words in which anything else is refused."""
    if name in BY_NAME and get_origin(field.annotation) is not Literal:
        return BY_NAME[name]
    return _value(name, field) + ("; kept secret" if SecretStr in _deep(field.annotation) else "")


def _value(name: str, field: FieldInfo) -> str:
    if settings_in(field.annotation):
        return f"[mapping](#{name})"
    if words := _literals(field.annotation):
        return " or ".join(f"`{word}`" for word in words)
    try:
        _adapter(field).validate_python(UNLIKELY)
    except ValidationError as error:
        return _sentence(error)
    return _any_text(field.annotation)


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[annotation, *field.metadata] if field.metadata else annotation)


def _literals(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := _literals(part))), ())


def _sentence(error: ValidationError) -> str:
    message = next(one["msg"] for one in error.errors() if "must " in one["msg"])
    found = re.search(r"must (?:be |list |have )?(?:an? |the )?(.+?)(?:\.$|, not \0.*|; .*)?$", message)
    assert found, message
    words = found[1]
    return "`true` or `false`" if words == "true or false" else words


def _any_text(annotation: Any) -> str:
    inner = set(_deep(annotation))
    return "path" if Path in inner else "text, or a list of texts" if tuple in inner else "text"


def _deep(annotation: Any) -> Iterator[Any]:
    yield from (annotation, get_origin(annotation))
    for part in get_args(annotation):
        yield from _deep(part)


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
