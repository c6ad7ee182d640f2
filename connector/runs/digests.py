"""Digests of identifiers that are given in plain, made by the transform of a job itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa

from connector.catalogue import Parameter
from connector.core.hashed_rows import ID_TYPES, HashedMembers
from connector.runs.job import Job
from connector.transform.binding import bind
from connector.transform.grouping import payloads
from connector.transform.template import DataTemplate

_PERSON = "person.{}@example.com"
"""Identifies the person of a row whatever else the row has."""

Texts = Mapping[str, Sequence[str]]
"""The values of parameters by their names."""


def digests_of(job: Job, rows: Sequence[Texts]) -> list[dict[str, list[str]]]:
    """Return the digests of each hashed parameter of each row; none for a value that is not valid."""
    names = dict.fromkeys(name for row in rows for name in row)
    parameters = {name: parameter for name in names if (parameter := job.destination.catalogue.named(name))}
    found: list[dict[str, list[str]]] = [{} for _ in rows]
    if not parameters:
        return found
    table = _table(job, rows, parameters)
    catalogue = job.destination.catalogue
    compiler = job.destination.compile(bind(DataTemplate(catalogue.identity), table.schema, catalogue), job.rules)
    for part in compiler.hash(table.to_batches(), threads=1, gather=False):
        for row, values in _values(part, parameters):
            dummy = sha256(_PERSON.format(row - 1).encode()).hexdigest()
            found[row - 1] = {name: [one for one in digests if one != dummy] for name, digests in values.items()}
    return found


def _table(job: Job, rows: Sequence[Texts], parameters: Mapping[str, Parameter]) -> pa.Table:
    """Return a column for each parameter, and of events what they need besides."""
    columns: dict[str, list[list[str]]] = {name: [list(row.get(name, ())) for row in rows] for name in parameters}
    if job.destination.kind == "audience":
        return pa.table({name: _column(parameters[name], values) for name, values in columns.items()})
    emails = columns.get("email", [[] for _ in rows])
    columns["email"] = [[*given, _PERSON.format(index)] for index, given in enumerate(emails)]
    kinds = {**parameters, "email": job.destination.catalogue.named("email")}
    count = len(rows)
    return pa.table(
        {
            **{name: _column(kind, columns[name]) for name, kind in kinds.items() if kind},
            "event": pa.array(["Purchase"] * count),
            "event_id": pa.array([f"row-{index}" for index in range(count)]),
            "timestamp": pa.array([job.rules.started_at] * count, pa.int64()),
            "page_url": pa.array(["https://example.com/"] * count),
        }
    )


def _column(parameter: Parameter, values: Sequence[Sequence[str]]) -> pa.Array:
    if parameter.many:
        return pa.array(values, pa.list_(pa.string()))
    return pa.array([next(iter(texts), None) for texts in values], pa.string())


def _values(part: Any, parameters: Mapping[str, Parameter]) -> Iterator[tuple[int, dict[str, list[str]]]]:
    if isinstance(part, HashedMembers):
        for row in part.members.to_pylist():
            yield row["row"], {name: [digest.hex() for digest in row[name]] for name in parameters if name in ID_TYPES}
        return
    for events in part.events:
        texts = payloads(events.table).to_pylist()
        for text, rows in zip(texts, events.table["rows"].to_pylist(), strict=True):
            content = json.loads(text)
            yield rows[0], {name: _at(content, one.path) for name, one in parameters.items() if one.hashed}


def _at(content: Mapping[str, Any], path: Sequence[str]) -> list[str]:
    value: Any = content
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return [] if value is None else list(value) if isinstance(value, list) else [value]
