"""The list of runs."""

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from connector.console.lists import PAGE_LINES, status_now
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.outcomes import RunStatus
from connector.ledger.views.run_lists import RunListFilter, list_runs
from connector.ledger.views.work import work_under_way

SINCE = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
"""Choices of the filter by start."""


def show(visit: Visit) -> Response:
    """Show a page of the list."""
    project, wanted = visit.project, _filter(visit)
    with visit.reading() as connection:
        runs = list_runs(connection, wanted)
        work = work_under_way(connection, project.state_directory, project.target)
    is_whole = len(runs) < PAGE_LINES + 1
    shown = runs[:PAGE_LINES]
    return render(
        visit,
        "runs.html",
        runs=[(run, status_now(run, work)) for run in shown],
        is_filtered=bool(wanted.orchestration or wanted.statuses or wanted.since),
        older=None if is_whole else visit.url("/runs", **_query(visit), before=shown[-1].run_id),
        names=project.orchestrations,
        statuses=[status for status in RunStatus if status is not RunStatus.WAITING],
        since=list(SINCE),
        chosen=_query(visit),
    )


def _query(visit: Visit) -> dict[str, str]:
    return {key: visit.query[key] for key in ("orchestration", "status", "since") if visit.query.get(key)}


def _filter(visit: Visit) -> RunListFilter:
    status, since = visit.query.get("status", ""), SINCE.get(visit.query.get("since", ""))
    return RunListFilter(
        visit.project.target,
        visit.query.get("orchestration") or None,
        (RunStatus(status),) if status in set(RunStatus) else (),
        datetime.now(UTC) - since if since else None,
        visit.query.get("before") or None,
        PAGE_LINES + 1,
    )
