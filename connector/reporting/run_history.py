"""Look back at runs."""

from dataclasses import dataclass
from datetime import datetime

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.outcomes import RunStatus
from connector.errors import UsageError
from connector.ledger.audit import AuditLine
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.ledger.records import RequestRecord, RunRecord
from connector.reporting.trend import Trend, trend_of


def find_run(project: Project, run_id: str) -> RunRecord | None:
    """The run with this id, if there is one."""
    with ledger_of(project) as ledger:
        return ledger.runs.find(run_id)


def abandon_run(project: Project, run_id: str) -> RunRecord | None:
    """Marks a run as interrupted while its requests are still in flight; gives it as it stands."""
    with ledger_of(project) as ledger:
        ledger.runs.finish(run_id, RunStatus.INTERRUPTED, error="Interrupted.")
        return ledger.runs.find(run_id)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: at most so many of the last; of one orchestration, some statuses, or since a moment, where given."""

    limit: int = 20
    orchestration: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    since: datetime | None = None


def latest_runs(project: Project, wanted: RunFilter) -> list[tuple[RunRecord, Trend | None]]:
    """The last runs, latest first, and how each compares with those before it.

    Raises UsageError for an orchestration that is neither in the file nor ran.
    """
    name = wanted.orchestration
    with ledger_of(project) as ledger:
        records = ledger.runs.latest(wanted.limit, name, statuses=wanted.statuses, since=wanted.since)
        if name and name not in project.orchestrations and not ledger.runs.latest(1, name):
            raise UsageError(f'There is no orchestration "{name}".{did_you_mean(name, project.orchestrations)}')
        return [(record, trend_of(ledger, record)) for record in records]


def requests_of(project: Project, run_id: str) -> list[RequestRecord]:
    """Every request of a run, in the order of the answers."""
    with ledger_of(project) as ledger:
        return ledger.batches.requests(run_id)


def audit_lines(project: Project, limit: int) -> list[AuditLine]:
    """Who used the connector for what, latest first."""
    with ledger_of(project) as ledger:
        return ledger.audit.latest(limit)


def worked_on_by(ledger: Ledger, run_id: str) -> list[AuditLine]:
    """Who began a run, and who went on with it, in their order."""
    return [line for line in ledger.audit.of_run(run_id) if line.use.allowed and line.use.command != "rejects"]
