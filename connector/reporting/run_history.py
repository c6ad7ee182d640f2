"""Past runs: listing them, and comparing a run with those before it."""

from dataclasses import asdict, dataclass
from datetime import datetime

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.local_server import is_loopback
from connector.core.outcomes import RunStatus
from connector.destinations.base import Capabilities
from connector.destinations.registry import implementation_of
from connector.errors import UsageError
from connector.ledger.audit import AuditLine, Use
from connector.ledger.batch_records import RequestRecord
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord, RunSize
from connector.privacy.access import SENDING

EARLIER_RUNS = 7
"""The most earlier runs that a run is compared with."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Conditions on runs to list; those that are empty or None do not apply."""

    limit: int = 20
    orchestration: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A number of a run, compared with the same number of earlier runs."""

    now: float
    """The number of this run."""
    median: float
    """The median of the earlier runs."""
    percent: float | None
    """The difference from the median in per cent. None if the median is 0."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Rows and seconds of a run, compared with earlier whole runs of the orchestration under the same target."""

    runs: int
    """The number of earlier runs."""
    rows: Change
    seconds: Change
    history: tuple[RunSize, ...]
    """The runs compared, oldest first, this one last."""

    def as_json(self) -> dict[str, object]:
        """Return the object `trend` of a run in `connector runs list --json`."""
        return {"runs": self.runs, "rows": asdict(self.rows), "seconds": asdict(self.seconds)}


def find_run(project: Project, run_id: str) -> RunRecord | None:
    """Return the run with this id, or None."""
    with ledger_of(project) as ledger:
        return ledger.runs.find(run_id)


def abandon_run(project: Project, run_id: str) -> RunRecord | None:
    """Mark a run as interrupted while its requests are still in flight, and return its record."""
    with ledger_of(project) as ledger:
        ledger.runs.finish(run_id, RunStatus.INTERRUPTED, error="Interrupted.")
        return ledger.runs.find(run_id)


def latest_runs(project: Project, run_filter: RunFilter) -> list[tuple[RunRecord, Trend | None]]:
    """Return the latest runs, the latest first, each with its trend.

    Raises UsageError for an orchestration that is not in the file and never ran.
    """
    name = run_filter.orchestration
    with ledger_of(project) as ledger:
        records = ledger.runs.latest(run_filter.limit, name, statuses=run_filter.statuses, since=run_filter.since)
        if name and name not in project.orchestrations and not ledger.runs.latest(1, name):
            raise UsageError(f'There is no orchestration "{name}".{did_you_mean(name, project.orchestrations)}')
        return [(record, trend_of(ledger, record)) for record in records]


def requests_of(project: Project, run_id: str) -> list[RequestRecord]:
    """Return every request of a run, in the order of the answers."""
    with ledger_of(project) as ledger:
        return ledger.batches.requests(run_id)


def audit_lines(project: Project, limit: int) -> list[AuditLine]:
    """Return the latest lines of the audit, the latest first."""
    with ledger_of(project) as ledger:
        return ledger.audit.latest(limit)


def sending_uses(ledger: Ledger, run_id: str) -> list[Use]:
    """Return the uses of commands that started or resumed a run, in their order."""
    return [line.use for line in ledger.audit.of_run(run_id) if line.use.allowed and line.use.command in SENDING]


def trend_of(ledger: Ledger, run: RunRecord) -> Trend | None:
    """Compare a run with earlier runs; None if there are none, or if the run does not read the whole result."""
    if run.retry_of is not None or run.row_limit is not None:
        return None
    sizes = ledger.runs.sizes_until(run, EARLIER_RUNS + 1)
    current, earlier = sizes[0], sizes[1:]
    if current.run_id != run.run_id or not earlier:
        return None
    return Trend(
        runs=len(earlier),
        rows=_compare(current.rows, [size.rows for size in earlier]),
        seconds=_compare(current.seconds, [size.seconds for size in earlier]),
        history=tuple(reversed(sizes)),
    )


def _compare(number: float, earlier: list[int] | list[float]) -> Change:
    from statistics import median

    usual = median(earlier)
    return Change(number, usual, round(100 * (number - usual) / usual, 1) if usual else None)


def no_rows(project: Project, ledger: Ledger, record: RunRecord) -> str | None:
    """Return the sentence that says why a completed run read no rows; None if it read some."""
    if not record.is_empty:
        return None
    if record.retry_of:
        return f"No rows were read: the result has none of those that run {record.retry_of} left out."
    if ledger.files.has_read(record.run_id):
        return "No rows were read: the files hold no rows."
    if record.orchestration not in project.orchestrations:
        return "No rows were read."
    if project.node("orchestrations", record.orchestration).child("file") is not None:
        return "No rows were read: every file was sent before."
    return "No rows were read: the query returned no rows."


def visible_by(project: Project, record: RunRecord) -> datetime | None:
    """Return when the platform shows the events of a run at the latest.

    None if it shows them at once, if there were none, or if they were for a test, a simulator or a file.
    """
    is_remote = record.api_url.startswith("https:") and not is_loopback(record.api_url)
    is_shown = record.test_event_code is None and is_remote
    if record.members or not is_shown or not record.events_delivered or not record.finished_at:
        return None
    within = capabilities_of(project, record).shown_within
    return datetime.fromisoformat(record.finished_at) + within if within else None


def capabilities_of(project: Project, record: RunRecord) -> Capabilities:
    """Return the features of a run's destination; of one that the project has no longer, none."""
    entry = project.node("destinations", record.destination)
    implementation = implementation_of(entry.at(("type",)).value, dict(entry.entries()))
    return implementation.capabilities if implementation else Capabilities("event")
