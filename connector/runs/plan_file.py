"""Plans as files: what a plan was made of, as salted SHA-256 sums, and its counts. A run can be held to one.

A file holds no value of a row and no secret, and of settings only names and sums, so that it can be reviewed by others.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector.config.project import Project
from connector.config.setting_diff import SECRET, SettingText
from connector.core.version import __version__
from connector.errors import PlanChanged, UsageError
from connector.runs.job import Job
from connector.staging.staged import Staged

VERSION: Literal[1] = 1
"""The version of the file format."""
LARGEST_FILE = 1 << 20
"""Bytes of a plan file."""
_MAKE_NEW_PLAN = "Make a new one with `connector plan {} -o FILE`."
_ADVICE = _MAKE_NEW_PLAN.format("NAME")

_IMMATERIAL = frozenset(
    "description tags notify schedule workflow degraded retry max_in_flight requests_per_second admin_only pii "
    "destination_account_name proxy ca_file engine split_by".split()
)
"""Keys that change neither what is sent nor where to, nor whether it is sent."""
_ADDRESSES = ("warehouse.url", "orchestration.file")
"""Settings that are kept secret because they may hold a password; without it they say where rows come from."""

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Sum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Salt = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class PlannedRows(_Part):
    """Rows of a plan."""

    read: Count
    to_send: Count
    rejected: Count
    skipped: Count


class Definition(_Part):
    """The salted SHA-256 sums of what decides what is sent."""

    salt: Salt
    """Sixteen random bytes at the beginning of all that is summed: no table of sums made beforehand fits a plan."""
    query: Sum | None
    """The sum of the text of the query; None if the orchestration reads a file."""
    template: Sum
    """The sum of the sources of all parameters."""
    settings: dict[str, Sum]
    """The sum of each setting that matters, by its name."""

    def changes(self, other: "Definition") -> list[str]:
        """Name what differs in another definition."""
        names = [name for name in ("query", "template") if getattr(self, name) != getattr(other, name)]
        settings = {*self.settings, *other.settings}
        changed = sorted(name for name in settings if self.settings.get(name) != other.settings.get(name))
        return [*names, *changed]


class PlanFile(_Part):
    """A plan as a file. A run under it sends only if its definition is the same, and its counts nearly so."""

    connector_plan: Literal[1]
    """The version of the format."""
    connector: str
    """The version of the connector that made it."""
    made_at: str
    orchestration: str
    target: str
    destination: str
    definition: Definition
    max_change_percent: Annotated[float, Field(ge=0, le=100)]
    """How much each count may differ."""
    rows: PlannedRows
    events: Count
    requests: Count
    members: dict[str, Count] | None
    """Identifiers of an audience by their change; None for events."""
    rejects: dict[str, Count]
    skips: dict[str, Count]
    warnings: dict[str, Count]

    def as_text(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that differs by more than the plan allows."""

    name: str
    planned: int
    counted: int

    def __str__(self) -> str:
        return f"{self.name} {self.counted:,} (planned: {self.planned:,})"


def plan_file(project: Project, job: Job, staged: Staged) -> PlanFile:
    """Return the file of a plan that was made of this job."""
    members = staged.changes()
    return PlanFile(
        connector_plan=VERSION,
        connector=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        orchestration=job.orchestration.name,
        target=project.target,
        destination=job.settings.name,
        definition=definition_of(project, job, os.urandom(16).hex()),
        max_change_percent=job.orchestration.max_plan_change_percent,
        rows=planned_rows(staged),
        events=staged.events,
        requests=len(staged.batches),
        members=None if members is None else dict(members),
        rejects=dict(staged.rejects),
        skips=dict(staged.skips),
        warnings=dict(staged.warnings),
    )


def planned_rows(staged: Staged) -> PlannedRows:
    """Count the rows of a stage."""
    to_send = sum(batch.rows for batch in staged.batches)
    return PlannedRows(read=staged.read, to_send=to_send, rejected=staged.rejects.total(), skipped=staged.skips.total())


def definition_of(project: Project, job: Job, salt: str) -> Definition:
    """Return the sums of what decides what a job sends. The folder that the project is in does not matter.

    The limit and the test event code are those of the job, which options may have changed.
    """
    query = job.orchestration.query_path
    template = (job.template.identity, sorted(job.template.sources.items()))
    settings = dict(_settings(project.settings_used(job.orchestration.name)))
    for key in ("limit", "test_event_code"):
        name, value = f"orchestration.{key}", getattr(job.orchestration, key)
        settings.pop(name, None)
        if value is not None:
            settings[name] = value
    return Definition(
        salt=salt,
        query=_sum(salt, "query", _query_text(job)) if query or job.sql else None,
        template=_sum(salt, "template", repr(template).encode()),
        settings={name: _setting_sum(salt, name, value) for name, value in settings.items()},
    )


def _query_text(job: Job) -> bytes:
    """Return the text of a query, with the tables of the dbt models that it names."""
    query = job.orchestration.query_path
    tables = [f"{node.unique_id}={node.relation_name}" for node in job.models]
    return b"\n".join([query.read_bytes() if query else job.sql.encode(), *(table.encode() for table in tables)])


def _settings(settings: Mapping[str, SettingText]) -> Iterator[tuple[str, object]]:
    for name, setting in settings.items():
        part, _, key = name.partition(".")
        if part not in {"orchestration", "warehouse", "destination"} or key.partition(".")[0] in _IMMATERIAL:
            continue
        value = setting.value
        if name in _ADDRESSES:
            value = _without_password(str(value))
        elif setting.text == SECRET:
            continue
        yield name, value


def _setting_sum(salt: str, name: str, value: object) -> str:
    return _sum(salt, "setting", json.dumps([name, value], sort_keys=True, default=str).encode())


def _without_password(address: str) -> str:
    """Return the place that an address names: neither its password nor its options."""
    try:
        parts = urlsplit(address)
        host = f"{parts.hostname or ''}:{parts.port or ''}"
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else address


def _sum(salt: str, kind: str, content: bytes) -> str:
    return sha256(bytes.fromhex(salt) + kind.encode() + b"\0" + content).hexdigest()


def refuse_other_definition(plan: PlanFile, project: Project, job: Job) -> None:
    """Raise UsageError if a plan was made for another orchestration or target, or of something that has changed."""
    advice = _MAKE_NEW_PLAN.format(job.orchestration.name)
    for kind, planned, current in (
        ("orchestration", plan.orchestration, job.orchestration.name),
        ("target", plan.target, project.target),
    ):
        if planned != current:
            raise UsageError(f"The plan is for the {kind} {_quoted(planned)}, not for {_quoted(current)}. {advice}")
    if changes := plan.definition.changes(definition_of(project, job, plan.definition.salt)):
        verb = "has" if len(changes) == 1 else "have"
        names = [change if "." not in change else f"setting {change}" for change in changes]
        raise UsageError(f"The {_listed(names)} {verb} changed since the plan was made: nothing was sent. {advice}")


def refuse_other_counts(plan: PlanFile, staged: Staged) -> None:
    """Raise PlanChanged if a count differs from its planned number by more than the plan allows.

    Rejected and skipped rows are measured by the rows that were read: a few more of them are no change if there were
    none. A change of at least one is allowed unless the planned number is 0 or the plan allows none.
    """
    differences = [str(one) for one in _differences(plan, staged)]
    if differences:
        raise PlanChanged(
            f"The result is not the planned one: {_listed(differences)}, more than the {plan.max_change_percent:g} % "
            f"that the plan allows: nothing was sent. If this is right, make a new plan with `connector plan "
            f"{plan.orchestration} -o FILE`."
        )


def _differences(plan: PlanFile, staged: Staged) -> Iterator[Difference]:
    rows, members = planned_rows(staged), staged.changes()
    counts = [
        ("rows read", plan.rows.read, rows.read, plan.rows.read),
        ("rows to send", plan.rows.to_send, rows.to_send, plan.rows.to_send),
        ("rows rejected", plan.rows.rejected, rows.rejected, plan.rows.read),
        ("rows skipped", plan.rows.skipped, rows.skipped, plan.rows.read),
        ("events", plan.events, staged.events, plan.events),
    ]
    for change in ("added", "removed"):
        planned = (plan.members or {}).get(change, 0)
        counts.append((f"identifiers {change}", planned, (members or {}).get(change, 0), planned))
    for name, planned, counted, base in counts:
        if abs(counted - planned) > ceil(base * plan.max_change_percent / 100):
            yield Difference(name, planned, counted)


def load_plan_file(path: Path) -> PlanFile:
    """Read a plan file. Raises UsageError if it cannot be read, is damaged or is another version's."""
    try:
        entry = json.loads(_text(path), parse_constant=_refuse_constant, object_pairs_hook=_unique)
        if isinstance(entry, dict) and entry.get("connector_plan") not in (VERSION, None):
            raise UsageError(f'"{path}" is a plan of another version of the connector. {_ADVICE}')
        return PlanFile.model_validate(entry)
    except OSError as error:
        raise UsageError(
            f'The plan "{path}" cannot be read: {error.strerror}. Name a file of `connector plan -o`.'
        ) from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))[:80]
        at = f" at {where!a}" if where else ""
        raise UsageError(f'"{path}" is not a plan, or a damaged one{at}. {_ADVICE}') from None
    except (ValueError, RecursionError):
        raise UsageError(f'"{path}" is not a plan, or a damaged one: it is not valid JSON. {_ADVICE}') from None


def _text(path: Path) -> str:
    """Read a regular file of at most LARGEST_FILE bytes. Reading a pipe or a device might never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f'The plan "{path}" is not a regular file. Name a file of `connector plan -o`.')
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise UsageError(f'The plan "{path}" is larger than {LARGEST_FILE >> 20} MiB, so it is not one.')
    return data.decode("utf-8")


def _refuse_constant(constant: str) -> float:
    raise ValueError(constant)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a key stands twice")
    return entries


def _quoted(name: str) -> str:
    text = name if name.isprintable() and len(name) <= 80 else ascii(name[:80])[1:-1]
    return f'"{text}"'


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
