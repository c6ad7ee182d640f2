"""Ask a run in progress to stop."""

from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.errors import UsageError
from connector.ledger.project_ledger import find_run, ledger_of
from connector.ledger.run_records import RunRecord
from connector.privacy.access import check_access


def request_stop(project: Project, run_id: str) -> RunRecord:
    """Ask the process of a run, on whatever machine, to stop once its requests in flight are answered.

    The run ends as `interrupted` and can be resumed. Return its record. Raises UsageError if the run is not in
    progress, AccessRefused.
    """
    record = find_run(project, run_id)
    project = project.under(record.target)
    grant = check_access(project, "stop", record.orchestration, record.run_id)
    if record.status is not RunStatus.RUNNING:
        raise UsageError(f"Run {record.run_id} is not running: it is {record.status.label.lower()}. Nothing to stop.")
    with ledger_of(project) as ledger:
        if not ledger.is_held(project.state_directory, record.orchestration, record.target):
            raise UsageError(
                f"Run {record.run_id} is not running: its process has died. "
                f"`connector resume {record.run_id}` finishes it."
            )
        grant.record(ledger)
        ledger.runs.request_stop(record.run_id)
    return record
