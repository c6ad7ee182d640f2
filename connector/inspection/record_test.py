"""Record a test of a query: the first rows of its result, with made-up people, and what becomes of them."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from connector.catalogue import Catalogue, Kind, Parameter
from connector.catalogue.parameter import CONTENTS
from connector.config.project import Project
from connector.config.query_test import QueryTest, load_test_file
from connector.inspection.observation import Observation, Record, as_list, observe
from connector.ledger.ledger import open_ledger
from connector.ledger.project_ledger import ledger_of
from connector.privacy.access import check_access
from connector.runs.job import current_job
from connector.runs.made_up_rows import MadeUpRows, made_up_rows

NAME = "recorded"
_NO_ALIASES = type("_Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """A file with a recorded test."""

    text: str
    rows: int
    notes: Sequence[str] = ()
    """Sentences about what the recorded rows do not show."""


def record_query_test(project: Project, name: str, rows: int) -> RecordedTest:
    """Read the first rows of an orchestration's result, and return a test of what becomes of them.

    Nothing that identifies a person is in it. Raises ConfigurationError, SourceError, AccessRefused.
    """
    grant = check_access(project, "preview", name)
    job = current_job(project, name)
    with ledger_of(project) as ledger:
        grant.record(ledger)
    started_at = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()), UTC)
    made_up = made_up_rows(job, project.directory, rows)
    result = {"columns": dict(made_up.columns), "rows": [dict(row) for row in made_up.rows]}
    with tempfile.TemporaryDirectory(prefix="connector-test-") as folder:
        test = _loaded(project, Path(folder) / "recorded.yaml", _text(name, started_at, result, {}))
        scratch = open_ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        try:
            observation = observe(project.with_stand_ins(), test, scratch)
        finally:
            scratch.close()
    expect = _expected(observation, made_up, job.destination.catalogue)
    return RecordedTest(_text(name, started_at, result, expect), len(made_up.rows), _notes(observation, made_up))


def _loaded(project: Project, path: Path, text: str) -> QueryTest:
    path.write_text(text, "utf-8")
    (test,) = load_test_file(project, path)
    return test


def _text(name: str, started_at: datetime, result: Mapping[str, Any], expect: Mapping[str, Any]) -> str:
    """Return the file, with each row on a line."""
    head = (
        f"# The first rows of the result of {name}, recorded by `connector test --record {name}`.\n"
        "# What identifies people is made up, and only the columns that the template reads are here.\n"
        f"orchestration: {name}\n"
        f"started_at: {started_at:%Y-%m-%dT%H:%M:%SZ}\n\ntests:\n  {NAME}:\n    result:\n"
    )
    parts = [head, f"      columns: {_line(result['columns'])}\n", f"      rows:{'' if result['rows'] else ' []'}\n"]
    parts += [f"        - {_line(row)}\n" for row in result["rows"]]
    parts.append(f"    expect:{'' if expect else ' {}'}\n")
    for key, value in expect.items():
        if isinstance(value, list):
            parts.append(f"      {key}:{'' if value else ' []'}\n")
            parts += [f"        - {_line(one)}\n" for one in value]
        else:
            parts.append(f"      {key}: {_line(value)}\n")
    return "".join(parts)


def _line(value: Any) -> str:
    """Write a value on one line."""
    text = yaml.dump(
        value, Dumper=_NO_ALIASES, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 30
    )
    return str(text).removesuffix("\n").removesuffix("\n...")


def _expected(observation: Observation, made_up: MadeUpRows, catalogue: Catalogue) -> dict[str, Any]:
    if observation.job.destination.kind == "audience":
        records = {"members": [_member(record, made_up.people) for record in observation.records]}
    else:
        records = {"events": [_event(record, made_up.people, catalogue) for record in observation.records]}
    exclusions = {
        key: dict(Counter(one.reason for one in observation.exclusions if one.outcome == outcome))
        for key, outcome in (("rejects", "rejected"), ("skips", "skipped"))
    }
    further = {**exclusions, "warnings": dict(observation.warnings)}
    return {**records, **{key: counts for key, counts in further.items() if counts}}


def _member(record: Record, people: Mapping[str, str]) -> dict[str, Any]:
    identifiers = {name: _readable(digests, people) for name, digests in record.content.items() if digests}
    return {"row": record.rows[0], **identifiers}


def _readable(digests: Sequence[str], people: Mapping[str, str]) -> Any:
    """Return made-up identifiers in plain, and other digests as they are; one of them alone without a list."""
    values = list(dict.fromkeys(people.get(digest, digest) for digest in digests))
    return values[0] if len(values) == 1 else values


def _event(record: Record, people: Mapping[str, str], catalogue: Catalogue) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": list(record.rows)}
    for parameter in catalogue.parameters:
        if parameter.path and not parameter.in_contents and (value := record.value(parameter.path)) is not None:
            found[parameter.name] = _value(parameter, value, people)
    known = {parameter.path for parameter in catalogue.parameters} | {CONTENTS}
    for name, value in (record.value(("properties",)) or {}).items():
        if ("properties", name) not in known:
            found[f"properties.{name}"] = _number(value)
    items = {parameter.path[-1]: parameter.name for parameter in catalogue.parameters if parameter.in_contents}
    if contents := as_list(record.value(CONTENTS)):
        found["contents"] = [{items.get(key, key): _number(value) for key, value in item.items()} for item in contents]
    return found


def _value(parameter: Parameter, value: Any, people: Mapping[str, str]) -> Any:
    if parameter.hashed:
        return _readable(as_list(value), people)
    if parameter.kind is Kind.TIMESTAMP:
        return f"{datetime.fromtimestamp(int(value), UTC):%Y-%m-%dT%H:%M:%SZ}"
    return _number(value)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, str | int | float | bool | None) else json.loads(json.dumps(value, default=float))


def _notes(observation: Observation, made_up: MadeUpRows) -> list[str]:
    found = Counter(observation.counts["rejects"]) + Counter(observation.warnings)
    if found == Counter(made_up.outcomes):
        return []
    real = ", ".join(f"{reason} {count}" for reason, count in sorted(made_up.outcomes.items())) or "none"
    recorded = ", ".join(f"{reason} {count}" for reason, count in sorted(found.items())) or "none"
    return [
        f"The made-up rows have other outcomes than the real ones: {recorded} instead of {real}. Odd values are not "
        "recorded if they would show what they are; make some up in the file."
    ]
