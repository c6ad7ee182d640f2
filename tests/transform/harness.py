"""Runs the product's transform over a table and tells what came out in the words of the reference."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from connector.transform.binding import bind
from connector.transform.changes import add_values, judge_as_whole
from connector.transform.compiler import CompiledTransform, compile_events
from connector.transform.grouping import payloads
from connector.transform.rules import EventRules
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate, load_template
from tests.reference import Settings


@dataclass
class Outcome:
    """`texts` are the events' JSON in the order of their first rows; `routes`, `rows` and `persons` go with them."""

    texts: list[str] = field(default_factory=list)
    routes: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    identical_value: dict[str, Decimal] = field(default_factory=dict)
    kept: dict[int, str] = field(default_factory=dict)
    read: int = 0

    @property
    def events(self) -> list[Any]:
        return [json.loads(text, parse_float=Decimal) for text in self.texts]


def arrow_table(columns: Mapping[str, tuple[pa.DataType, list[Any]]]) -> pa.Table:
    return pa.table([pa.array(values, type=kind) for kind, values in columns.values()], names=list(columns))


def template_of(mapping: Mapping[str, object] | None, directory: Path, *, extends: bool = False) -> DataTemplate:
    """The template that a file with these parameters makes."""
    if mapping is None:
        return DataTemplate("tiktok_events")
    data: dict[str, object] = {"parameters": dict(mapping)}
    if extends:
        data["extends"] = "tiktok_events"
    (directory / "mapped.yaml").write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
    return load_template("mapped", directory, lambda text, _file, _line: text)


def compiled(table: pa.Table, settings: Settings, template: DataTemplate) -> CompiledTransform:
    rules = EventRules(**{name: getattr(settings, name) for name in EventRules.__dataclass_fields__})
    return compile_events(bind(template, table.schema), rules)


def transformed(table: pa.Table, settings: Settings, template: DataTemplate, *, threads: int = 1) -> Outcome:
    outcome, events = Outcome(), []
    transform = compiled(table, settings, template)
    for rows in hash_rows(table.to_batches(), transform, threads=threads):
        hashed = judge_as_whole(rows, transform.rules)
        outcome.read += hashed.read
        outcome.warnings += hashed.warnings
        add_values(outcome.identical_value, hashed.identical_value)
        for row in hashed.excluded.to_pylist():
            (outcome.rejected if row["outcome"] == "rejected" else outcome.skipped)[row["row"]] = row["reason"]
            outcome.kept[row["row"]] = row["columns"]
        assert hashed.rejects.total() + hashed.skips.total() == hashed.excluded.num_rows
        for part in hashed.events:
            route = (part.route.resource_type, part.route.resource_id)
            rows, persons = part.table["rows"].to_pylist(), part.table["persons"].to_pylist()
            texts = payloads(part.table).to_pylist()
            events += [(own[0], text, route, own, whom) for own, text, whom in zip(rows, texts, persons, strict=True)]
    for _, text, route, own, whom in sorted(events):
        outcome.texts.append(text)
        outcome.routes.append(route)
        outcome.rows.append(own)
        outcome.persons.append(whom)
    return outcome


def persons_in(event: Mapping[str, Any]) -> str:
    """The first 16 hex digits of each digest in an event's JSON by which somebody is known."""
    user = event.get("user", {})
    lists = [[one] if isinstance(one, str) else one for one in map(user.get, ("email", "phone", "external_id")) if one]
    return "".join(digest[:16] for digests in lists for digest in digests)
