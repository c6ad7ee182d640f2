"""The outcome of a test's rows: staged in a temporary folder by the code of a run, and read back."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.catalogue import Parameter
from connector.config.nodes import plain
from connector.config.project import Project
from connector.config.query_test import QueryTest
from connector.core.hashed_rows import ID_TYPES, HashedMembers
from connector.core.route import Route
from connector.destinations.base import StageContext
from connector.inspection.expectations import ExpectedRecord
from connector.ledger.excluded_rows import read_excluded_rows
from connector.ledger.ledger import Ledger
from connector.runs.digests import digests_of
from connector.runs.files import refuse_faulty_files
from connector.runs.given_rows import open_test_result
from connector.runs.job import Job
from connector.staging.staged import Staged
from connector.staging.storage.reader import StageReader
from connector.transform.grouping import payloads


@dataclass(frozen=True, slots=True)
class Record:
    """An event, or a member of an audience."""

    rows: tuple[int, ...]
    """The numbers of its rows in the result, from 1."""
    content: Mapping[str, Any]
    """The event as it is sent, or the digests of a member by the type of identifier."""
    route: Route | None = None
    """The event source; None for a member."""

    def value(self, path: Sequence[str]) -> Any:
        """Return the value at a path; None if there is none."""
        value: Any = self.content
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An excluded row."""

    row: int
    outcome: str
    reason: str
    columns: Mapping[str, Any]
    """Its other members, without identifiers and their digests."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcome of every row of a test."""

    job: Job
    read: int
    records: Sequence[Record]
    exclusions: Sequence[Exclusion]
    warnings: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows by reason, of `rejects` and `skips`."""


def observe(project: Project, test: QueryTest, ledger: Ledger) -> Observation:
    """Stage the result of a test and return the outcome of its rows. Raises ConfigurationError, SourceError."""
    with tempfile.TemporaryDirectory(prefix="connector-test-") as folder:
        directory = Path(folder) / "stage"
        people: list[pa.Table] = []
        with open_test_result(project, test) as (job, result):
            targets = job.destination.forecast(project, ledger)
            context = StageContext(ledger, directory, result.compiler)
            staged = job.destination.stage(_watched(result.rows, people), targets, context)
            if result.reading is not None:
                refuse_faulty_files(result.reading)
        excluded = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
        exclusions = [
            Exclusion(row["row"], row["outcome"], row["reason"], json.loads(row["columns"] or "{}")) for row in excluded
        ]
        left_out = {one.row for one in exclusions}
        is_audience = job.destination.kind == "audience"
        records = (
            [person for person in _members(people) if person.rows[0] not in left_out]
            if is_audience
            else list(_events(staged, directory))
        )
    counts = {"rejects": dict(staged.rejects), "skips": dict(staged.skips)}
    return Observation(job, staged.read, records, exclusions, dict(staged.warnings), counts)


def _watched(rows: Iterable[Any], people: list[pa.Table]) -> Iterator[Any]:
    """Yield the slices of a result, and collect the people of an audience."""
    for part in rows:
        if isinstance(part, HashedMembers):
            people.append(part.members)
        yield part


def _members(people: Sequence[pa.Table]) -> Iterator[Record]:
    for table in people:
        for row in table.to_pylist():
            yield Record((row["row"],), {name: [digest.hex() for digest in row[name]] for name in ID_TYPES})


def _events(staged: Staged, directory: Path) -> Iterator[Record]:
    """Yield the staged events in the order of their first rows."""
    found: list[Record] = []
    with StageReader(directory) as stage:
        for batch in staged.batches:
            events = stage.events(batch.file, batch.position, batch.events)
            texts = payloads(events).to_pylist()
            for text, rows in zip(texts, events["rows"].to_pylist(), strict=True):
                found.append(Record(tuple(rows), json.loads(text, parse_float=Decimal), batch.route))
    yield from sorted(found, key=lambda record: record.rows)


class Digests:
    """The digests of expected identifiers, which a test has in plain or as digests."""

    def __init__(self, job: Job, records: Sequence[ExpectedRecord]) -> None:
        self._digests = digests_of(job, [self._texts(record) for record in records])

    def of(self, index: int, parameter: Parameter) -> list[str]:
        """Return the digests of a parameter of the record with this index; none if its value is not valid."""
        return self._digests[index].get(parameter.name, [])

    @staticmethod
    def _texts(record: ExpectedRecord) -> dict[str, list[str]]:
        return {
            value.parameter.name: [str(text) for text in as_list(plain(value.node)) if text is not None]
            for value in record.values
            if value.parameter and value.parameter.hashed
        }


def as_list(value: Any) -> list[Any]:
    """Return a value as a list; none for a missing one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
