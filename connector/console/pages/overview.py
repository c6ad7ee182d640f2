"""The overview: every orchestration with its last run."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.responses import Response

from connector.console.render import render
from connector.console.visit import Visit
from connector.core.outcomes import RunStatus
from connector.errors import ConfigurationError
from connector.ledger.run_records import RunRecord

STRIP_RUNS = 20
"""The last runs of an orchestration that the overview draws."""


@dataclass(frozen=True, slots=True)
class OrchestrationRow:
    """A row of the overview."""

    name: str
    """The name of the orchestration."""
    workflow: str
    """`Automatic` or `Manual`."""
    runs: list[RunRecord] = field(default_factory=list)
    """Its last runs, oldest first."""
    due: datetime | None = None
    """When it is due next."""
    problem: str | None = None
    """Why its settings cannot be used."""

    @property
    def last(self) -> RunRecord | None:
        """Its last run."""
        return self.runs[-1] if self.runs else None


def show(visit: Visit) -> Response:
    """Show the overview."""
    runs = _last_runs(visit)
    rows = [_row(visit, name, runs.get(name, [])) for name in visit.project.orchestrations]
    has_runs = any(row.runs for row in rows)
    summary = _summary(rows)
    return render(visit, "overview.html", rows=rows, has_runs=has_runs, summary=summary, strip_runs=STRIP_RUNS)


def _last_runs(visit: Visit) -> dict[str, list[RunRecord]]:
    by_name: dict[str, list[RunRecord]] = {}
    for record in visit.ledger.runs.latest(200):
        if record.target == visit.project.target:
            by_name.setdefault(record.orchestration, []).append(record)
    return {name: records[:STRIP_RUNS][::-1] for name, records in by_name.items()}


def _row(visit: Visit, name: str, runs: list[RunRecord]) -> OrchestrationRow:
    try:
        workflow = "Automatic" if visit.project.is_automatic(name) else "Manual"
    except ConfigurationError as error:
        return OrchestrationRow(name, "–", runs, problem=error.problems[0].message)
    return OrchestrationRow(name, workflow, runs)


def _summary(rows: list[OrchestrationRow]) -> str:
    last = [row.last for row in rows if row.last]
    failing = [run for run in last if run.status is RunStatus.FAILED]
    running = [run for run in last if run.status is RunStatus.RUNNING]
    since = f" since {min(run.started_at for run in failing)[:16].replace('T', ' ')} UTC" if failing else ""
    count = f"{len(rows)} orchestration{'s' if len(rows) != 1 else ''}"
    return f"{len(failing)} failing{since} · {len(running)} running · {count}"
