"""Looking back at runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.disk import restrict_tree
from connector.errors import UsageError
from connector.ledger.audit import AuditLine
from connector.ledger.damage import is_damaged
from connector.ledger.database import file_of
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.records import RequestRecord, RunRecord, Scope
from connector.outcomes import RunStatus
from connector.pipeline.trend import Trend, trend_of


def find_run(project: Project, run_id: str) -> RunRecord | None:
    """The run with this id, if there is one."""
    with ledger_of(project) as ledger:
        return ledger.runs.find(run_id)


def abandon_run(project: Project, run_id: str) -> RunRecord | None:
    """Marks a run as interrupted while its requests are still in flight; gives it as it stands."""
    with ledger_of(project) as ledger:
        ledger.runs.finish(run_id, RunStatus.INTERRUPTED, error="Interrupted.")
        return ledger.runs.find(run_id)


def run_named(project: Project, run_id: str) -> RunRecord:
    """The run with this id. Raises UsageError where there is none."""
    with ledger_of(project) as ledger:
        record = ledger.runs.find(run_id)
        if record is None:
            known = [run.run_id for run in ledger.runs.latest(100)]
            hint = did_you_mean(run_id, known) or " `connector runs` lists them."
            raise UsageError(f'There is no run "{run_id}".{hint}')
        return record


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: at most so many of the last; of one orchestration, some statuses, or since a moment, where given."""

    limit: int = 20
    orchestration: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    since: datetime | None = None


def latest_runs(project: Project, wanted: Wanted) -> list[tuple[RunRecord, Trend | None]]:
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


def last_success(project: Project, name: str, scope: Scope) -> datetime | None:
    """When the last run of an orchestration that reached its end began; None where there is no ledger yet."""
    with known_ledger(project) as ledger:
        return ledger.runs.last_success(name, scope) if ledger else None


def runs_directory(project: Project) -> Path:
    """Where the stages of all runs are kept."""
    return project.state_directory / "runs"


def run_directory(project: Project, run_id: str) -> Path:
    """Where a run's stage and its left-out rows are kept."""
    return runs_directory(project) / run_id


@contextmanager
def known_ledger(project: Project, opened: Ledger | None = None) -> Iterator[Ledger | None]:
    """The ledger that is `opened` already, else the project's; None where there is none yet, and none is made."""
    path = file_of(project.ledger_url)
    if opened is not None:
        yield opened
    elif path and not path.exists():
        yield None
    else:
        with ledger_of(project) as ledger:
            yield ledger


def damaged_ledger(project: Project) -> Path | None:
    """The file of the project's ledger, if it is damaged."""
    path = file_of(project.ledger_url)
    return path if path and path.exists() and is_damaged(path) else None


@cache
def restrict_once(folder: Path) -> None:
    """Restrict a folder and everything below it to its owner, once in a process: there may be many files."""
    restrict_tree(folder)


@contextmanager
def ledger_of(project: Project) -> Iterator[Ledger]:
    """The project's ledger. Raises ConnectorError where it cannot be opened."""
    restrict_once(project.state_directory.resolve())
    has_run = any(runs_directory(project).glob("*/"))
    ledger = open_ledger(project.ledger_url, may_be_new=not has_run)
    try:
        yield ledger
    finally:
        ledger.close()
