"""What a golden case is, and the row that most of them change in one place.

No expected value comes from a program of this repository: digests are `printf '%s' … | sha256sum`, times are
`date -u -d … +%s`, and the rest is read off the rules for events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.reference import Settings, identity_template

NOW = 1_700_000_000
"""When every run of a case starts, unless it says otherwise: 2023-11-14T22:13:20Z."""

SET_ID = "7654321098765432109"
PIXEL = "C4A1B2C3D4E5F6G7H8I9"

JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
JOHN = "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4"
PHONE = "b4fa1a0e9e520f7186de1a00b1b84abb55a5c7feab09e7c3b8059ca32a6abd4f"
USER_123 = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""Digests of jane@example.com, john@example.com, +12065550100, user_123 and of the empty string."""

Column = tuple[pa.DataType, list[Any]]
Columns = Mapping[str, Column]

TEXT, WHOLE, FLOAT, TEXTS = pa.string(), pa.int64(), pa.float64(), pa.list_(pa.string())
DROP = object()
"""In place of a column: the row does not have it."""


@dataclass(frozen=True)
class Case:
    """A table, how it is read, and what comes of it.

    `mapping` is a template's parameters; with `extends` they stand over the identity template. None: no template.
    `events` are the events' JSON objects in order; numbers compare by value, `texts` pins their exact bytes.
    `routes` is (event_source, event_source_id) of each event, `rows` the rows (from 1) it stands for.
    """

    name: str
    columns: Columns
    settings: Settings = field(default_factory=lambda: Settings(started_at=NOW))
    mapping: Mapping[str, object] | None = None
    extends: bool = False
    events: Sequence[Mapping[str, Any]] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    identical_value: Mapping[str, Decimal] = field(default_factory=dict)
    routes: Sequence[tuple[str, str]] | None = None
    rows: Sequence[Sequence[int]] | None = None
    texts: Sequence[str] | None = None

    @property
    def template(self) -> Mapping[str, object] | None:
        """The template's parameters in full, as the reference takes them."""
        return identity_template() | dict(self.mapping) if self.mapping and self.extends else self.mapping


OFFLINE_ROW: dict[str, Any] = {
    "event": "Purchase",
    "timestamp": NOW,
    "event_id": "e1",
    "email": "jane@example.com",
}
OFFLINE_EVENT: dict[str, Any] = {
    "event": "Purchase",
    "event_time": NOW,
    "event_id": "e1",
    "user": {"email": JANE},
    "properties": {"content_type": "product", "currency": "USD"},
}
WEB_ROW = OFFLINE_ROW | {"page_url": "https://shop.example/p?a=1"}
WEB_EVENT = OFFLINE_EVENT | {"page": {"url": "https://shop.example/p?a=1"}}


def settings(**changes: Any) -> Settings:
    return Settings(**{"started_at": NOW, **changes})


def web(**changes: Any) -> Settings:
    return settings(event_source="web", event_source_id=PIXEL, **changes)


def typed(value: Any, count: int) -> Column:
    """A column: (type, values), or one value for every row, or a list of values whose type is plain to see."""
    if isinstance(value, tuple):
        return value
    values = value if isinstance(value, list) else [value] * count
    first = next((item for item in values if item is not None), "")
    kinds = {bool: pa.bool_(), int: WHOLE, float: FLOAT, str: TEXT}
    return kinds[type(first)], values


def table(base: Mapping[str, Any], changes: Mapping[str, Any], count: int) -> Columns:
    merged = {**base, **changes}
    return {name: typed(value, count) for name, value in merged.items() if value is not DROP}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` in it, deeply; DROP takes a key out."""
    result = dict(base)
    for key, value in changes.items():
        deep = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged(base[key], value) if deep else value
    return {key: value for key, value in result.items() if value is not DROP}


def offline(name: str, row: Mapping[str, Any], change: Mapping[str, Any] | None = None, **further: Any) -> Case:
    """One row that becomes one offline event, but for a change in each."""
    events = [merged(OFFLINE_EVENT, change or {})]
    return Case(name, table(OFFLINE_ROW, row, 1), events=events, **further)


def online(name: str, row: Mapping[str, Any], change: Mapping[str, Any] | None = None, **further: Any) -> Case:
    """One row that becomes one web event, but for a change in each."""
    events = [merged(WEB_EVENT, change or {})]
    return Case(name, table(WEB_ROW, row, 1), **{"settings": web(), "events": events, **further})


def refused(name: str, row: Mapping[str, Any], reason: str, **further: Any) -> Case:
    """One offline row that is rejected."""
    return Case(name, table(OFFLINE_ROW, row, 1), rejected={1: reason}, **further)


def refused_online(name: str, row: Mapping[str, Any], reason: str, **further: Any) -> Case:
    """One web row that is rejected."""
    return Case(name, table(WEB_ROW, row, 1), rejected={1: reason}, **{"settings": web(), **further})


def several(
    name: str, count: int, columns: Mapping[str, Any], changes: Sequence[Mapping[str, Any]], **further: Any
) -> Case:
    """Several offline rows, and the events they become, each told by its change."""
    events = [merged(OFFLINE_EVENT, change) for change in changes]
    return Case(name, table(OFFLINE_ROW, columns, count), events=events, **further)
