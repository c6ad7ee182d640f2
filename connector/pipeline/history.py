"""Looking back at runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.errors import UsageError
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.records import RequestRecord, RunRecord
from connector.outcomes import RunStatus


def find_run(project: Project, run_id: str) -> RunRecord | None:
    """The run with this id, if there is one."""
    with ledger_of(project) as ledger:
        return ledger.run(run_id)


def abandon_run(project: Project, run_id: str) -> RunRecord | None:
    """Marks a run as interrupted while its requests are still in flight; gives it as it stands."""
    with ledger_of(project) as ledger:
        ledger.finish_run(run_id, RunStatus.INTERRUPTED, error="Interrupted.")
        return ledger.run(run_id)


def run_named(project: Project, run_id: str) -> RunRecord:
    """The run with this id. Raises UsageError where there is none."""
    with ledger_of(project) as ledger:
        record = ledger.run(run_id)
        if record is None:
            known = [run.run_id for run in ledger.latest_runs(100)]
            hint = did_you_mean(run_id, known) or " `connector runs` lists them."
            raise UsageError(f'There is no run "{run_id}".{hint}')
        return record


def latest_runs(project: Project, limit: int, orchestration: str | None) -> list[RunRecord]:
    """The last runs, latest first. Raises UsageError for an orchestration that is neither in the file nor ran."""
    with ledger_of(project) as ledger:
        records = ledger.latest_runs(limit, orchestration)
    if orchestration and not records and orchestration not in project.orchestrations:
        hint = did_you_mean(orchestration, project.orchestrations)
        raise UsageError(f'There is no orchestration "{orchestration}".{hint}')
    return records


def requests_of(project: Project, run_id: str) -> list[RequestRecord]:
    """Every request of a run, in the order of the answers."""
    with ledger_of(project) as ledger:
        return ledger.requests_of(run_id)


def last_success(project: Project, name: str, api_url: str) -> datetime | None:
    """When the last run of an orchestration that reached its end began; None where there is no ledger yet."""
    url = project.ledger_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return None
    with ledger_of(project) as ledger:
        return ledger.last_success(name, project.target, api_url)


@contextmanager
def ledger_of(project: Project) -> Iterator[Ledger]:
    """The project's ledger. Raises ConnectorError where it cannot be opened."""
    ledger = open_ledger(project.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()
