"""Lists of runs: the status of each run now, and the links to older runs."""

from collections.abc import Sequence
from datetime import datetime

from connector.core.outcomes import RunStatus
from connector.ledger.views.run_lists import ListedRun
from connector.ledger.views.work import WorkUnderWay

PAGE_LINES = 50
"""The lines of a list on one page."""


def status_now(run: ListedRun, work: WorkUnderWay) -> RunStatus:
    """Return the status of a run; one whose process died is interrupted, whatever the ledger says."""
    if run.status is not RunStatus.RUNNING:
        return run.status
    is_alive = any(lock.holder == run.holder for lock in work.locks)
    return RunStatus.RUNNING if is_alive else RunStatus.INTERRUPTED


def is_empty(run: ListedRun) -> bool:
    """Return whether a run completed although it read no row."""
    return run.status is RunStatus.COMPLETED and not run.totals.rows.read


def run_sentence(runs: Sequence[ListedRun]) -> str:
    """Say in words what a plot of the last runs shows."""
    if not runs:
        return "No runs yet."
    completed = [run for run in runs if run.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}]
    failed = [run for run in runs if run.status is RunStatus.FAILED]
    text = f"{len(completed)} of {len(runs)} completed"
    if failed:
        days = ", ".join(dict.fromkeys(_day(run.started_at) for run in failed))
        text += f", {len(failed)} failed on {days}"
    return f"{text}."


def _day(moment: str) -> str:
    time = datetime.fromisoformat(moment)
    return f"{time.day} {time:%B}"
